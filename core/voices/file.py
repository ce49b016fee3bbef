"""A Piper voice on disk: `NAME.onnx` with `NAME.onnx.json` beside it, read and checked as untrusted input."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InvalidInput
from core.files import sha256_of
from core.records.graph_summary import ComponentSummary, GraphSummary
from core.text import enumerate_names, safe_name, truncate
from core.users import expand_home
from core.voices.config import read_config
from core.voices.other_file import describe_other_file, missing_half

_GENERIC_STEMS = {"model", "voice", "piper", "tts", "onnx"}
_PIPER_NAME = re.compile(r"[a-z]{2,3}_[A-Z0-9]{2,4}-\w+-\w+")
# The code of ISO 639 for it.
_UNDETERMINED = "und"
_INPUTS = ("input", "input_lengths", "scales")


@dataclass(frozen=True)
class VoiceFile:
    """The content of a voice's two files, which have been checked."""

    path: Path
    sha256: str
    size_bytes: int
    config: dict[str, Any]
    anatomy: dict[str, Any]
    """The graph's summary, as `GraphSummary.to_json` returns it."""

    @property
    def sample_rate(self) -> int:
        """Return the sample rate in Hz."""
        return int(self.config["audio"]["sample_rate"])

    @property
    def speakers(self) -> int:
        """Return the number of speakers."""
        return int(self.config["num_speakers"])

    @property
    def language(self) -> str:
        """Return the language of the configuration (`en_US`), else espeak's name for it (`en-us`)."""
        language = self.config.get("language")
        code = language.get("code") if isinstance(language, dict) else None
        return str(code or self.config["espeak"]["voice"] or _UNDETERMINED)


def is_piper_name(text: str) -> bool:
    """Return whether text looks like a name of Piper's collection: `en_US-lessac-medium`."""
    return _PIPER_NAME.fullmatch(text) is not None


def config_path_of(model_path: Path) -> Path:
    """Return the path of a model's configuration."""
    return model_path.with_name(model_path.name + ".json")


def config_sha256(config: dict[str, Any]) -> str:
    """Return the checksum of a configuration's content, whatever spaces its file has."""
    return hashlib.sha256(json.dumps(config).encode()).hexdigest()


def default_key(model_path: Path) -> str:
    """Return the default name of a voice: its file's stem, or its folder's name if the stem is generic (`model.onnx`)."""
    generic = model_path.stem.lower() in _GENERIC_STEMS and model_path.parent.name
    return safe_name(model_path.parent.name if generic else model_path.stem, fallback="voice")


def read_voice(path: Path) -> VoiceFile:
    """Read and check both files of a voice. Raises InvalidInput with one line that names the file and the fix."""
    from core.graph.model import read_model

    path = expand_home(path).absolute()
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{path} has a name that is not UTF-8: rename it") from error
    before = _stamp(path)
    try:
        model = read_model(path)
    except InvalidInput as error:
        raise InvalidInput(describe_other_file(path) or str(error)) from error
    _refuse_half(path, model)
    sha256 = sha256_of(path)
    if _stamp(path) != before:
        raise InvalidInput(f"{path} was written while it was read: add it again when it is complete")
    config = read_config(config_path_of(path))
    _check_inputs(path, model, config)
    return VoiceFile(
        path=path,
        sha256=sha256,
        size_bytes=path.stat().st_size,
        config=config,
        anatomy=_describe(model),
    )


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what differs once a file has been written or replaced."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _refuse_half(path: Path, model: Any) -> None:
    from core.vits.halves import half_of

    half = half_of(model)
    if half:
        raise InvalidInput(f"{path} is only the {half} of a streaming voice: {missing_half(half)}")


def _check_inputs(path: Path, model: Any, config: dict[str, Any]) -> None:
    """Check the configuration against the inputs of the graph."""
    names = [entry.name for entry in model.graph.input]
    missing = [name for name in _INPUTS if name not in names]
    if missing or not model.graph.output:
        problem = f"lacks the {enumerate_names('input', missing)}" if missing else "has no output"
        raise InvalidInput(f"{path} is not a Piper voice, its graph {problem}: name the .onnx file of one")
    config_path = config_path_of(path)
    if config["num_speakers"] > 1 and "sid" not in names:
        raise InvalidInput(
            f"{config_path} has {truncate(config['num_speakers'])} speakers, but the model has no speaker input: it is another voice's file"
        )
    rows = _embedding_rows(model)
    ids = [entry for entries in config["phoneme_id_map"].values() for entry in entries]
    # An empty map is that of a phonemizer whose packages are missing, which the trial finds.
    if config["phoneme_id_map"] and not ids:
        raise InvalidInput(f"{config_path} has an empty phoneme_id_map: get the file again")
    if rows is not None and max(ids, default=0) >= rows:
        raise InvalidInput(
            f"{config_path} maps to phoneme id {truncate(max(ids))}, but the model has {rows} of them: it is another voice's file"
        )


def _embedding_rows(model: Any) -> int | None:
    """Return how many phoneme ids the model has: the rows of the table that `input` indexes."""
    tables = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Gather" and len(node.input) > 1 and node.input[1] == "input" and node.input[0] in tables:
            return int(tables[node.input[0]][0])
    return None


def _describe(model: Any) -> dict[str, Any]:
    """Return the graph's summary. The model may change."""
    from core.graph.errors import UnsupportedGraph
    from core.graph.normalize import normalize
    from core.graph.quantized import is_quantized
    from core.vits.voice_graph import VoiceGraph

    opset = max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    nodes, quantized = len(model.graph.node), is_quantized(model)
    try:
        voice = VoiceGraph(normalize(model))
    except UnsupportedGraph as reason:
        return GraphSummary(opset, nodes, quantized=quantized, unrecognized=str(reason)).to_json()
    topology = voice.topology
    summary = GraphSummary(
        opset=opset,
        nodes=nodes,
        components=tuple(
            ComponentSummary(part.name, part.nodes, part.weight_bytes)
            for part in (topology.components if topology else ())
        ),
        upsampling_stages=topology.upsampling_stages if topology else None,
        unrecognized=voice.unsupported,
        quantized=quantized,
        decoder_recognized=topology is not None or voice.decoder is not None,
    )
    return summary.to_json()
