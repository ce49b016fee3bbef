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
from core.text import safe_name, truncate

_GENERIC_STEMS = {"model", "voice", "piper", "tts", "onnx"}
_MAX_CONFIG_BYTES = 16_000_000
_SCALES = {"length_scale": "length scale", "noise_scale": "noise scale", "noise_w": "noise scale"}
_PIPER_NAME = re.compile(r"[a-z]{2,3}_[A-Z0-9]{2,4}-\w+-\w+")
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
        return str(code or self.config["espeak"]["voice"])


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

    path = path.expanduser().absolute()
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{path} has a name that is not UTF-8: rename it") from error
    before = _stamp(path)
    model = read_model(path)
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


def read_config(path: Path) -> dict[str, Any]:
    """Return a voice's configuration, with the keys that Piper needs and their types checked. Raises InvalidInput."""
    try:
        if path.exists() and not path.is_file():
            raise InvalidInput(f"{path} is not a regular file: put the voice's configuration there")
        if path.stat().st_size > _MAX_CONFIG_BYTES:
            raise InvalidInput(f"{path} is too large for a voice's configuration: get the file again")
        config = json.loads(path.read_bytes())
        # Half of a surrogate pair is valid JSON, but cannot be written as UTF-8.
        json.dumps(config, ensure_ascii=False).encode()
    except FileNotFoundError as error:
        raise InvalidInput(f"{path} does not exist: a Piper voice needs its .onnx.json beside it") from error
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is not valid JSON: get the file again") from error
    for keys, kind in (
        (("audio", "sample_rate"), int),
        (("espeak", "voice"), str),
        (("num_symbols",), int),
        (("num_speakers",), int),
        (("phoneme_id_map",), dict),
    ):
        value: Any = config
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if not isinstance(value, kind) or isinstance(value, bool):
            raise InvalidInput(
                f"{path} lacks {'.'.join(keys)}, or it is not of type {kind.__name__}: this is not a Piper voice's configuration"
            )
    inference = config.get("inference", {})
    scales = [inference.get(name, 1.0) if isinstance(inference, dict) else None for name in _SCALES]
    for name, scale in zip(_SCALES, scales, strict=True):
        if not isinstance(scale, int | float) or not 0 <= scale < 100 or (name == "length_scale" and not scale):
            raise InvalidInput(f"{path} has an inference.{name} that is not a {_SCALES[name]}: get the file again")
    if config["num_speakers"] < 1:
        raise InvalidInput(f"{path} has num_speakers {truncate(config['num_speakers'])}: get the file again")
    return config  # type: ignore[no-any-return]


def _check_inputs(path: Path, model: Any, config: dict[str, Any]) -> None:
    """Check the configuration against the inputs of the graph."""
    names = [entry.name for entry in model.graph.input]
    missing = [name for name in _INPUTS if name not in names]
    if missing or len(model.graph.output) < 1:
        raise InvalidInput(
            f"{path} is not a Piper voice: its graph lacks the input {', '.join(missing) or 'and output'}"
        )
    config_path = config_path_of(path)
    if not 1_000 <= config["audio"]["sample_rate"] <= 384_000:
        raise InvalidInput(
            f"{config_path} has a sample rate of {truncate(config['audio']['sample_rate'])} Hz: get the file again"
        )
    if config["num_speakers"] > 1 and "sid" not in names:
        raise InvalidInput(
            f"{config_path} has {truncate(config['num_speakers'])} speakers, but the model has no speaker input: it is another voice's file"
        )
    rows = _embedding_rows(model)
    highest = max((entry for ids in config["phoneme_id_map"].values() for entry in _ids(config_path, ids)), default=-1)
    if highest < 0:
        raise InvalidInput(f"{config_path} has an empty phoneme_id_map: get the file again")
    if rows is not None and highest >= rows:
        raise InvalidInput(
            f"{config_path} maps to phoneme id {truncate(highest)}, but the model has {rows} of them: it is another voice's file"
        )


def _ids(config_path: Path, ids: Any) -> list[int]:
    whole = isinstance(ids, list) and all(isinstance(entry, int) and not isinstance(entry, bool) for entry in ids)
    if not whole or any(entry < 0 for entry in ids):
        raise InvalidInput(
            f"{config_path} has values other than ids in the lists of its phoneme_id_map: get the file again"
        )
    return list(ids)


def _embedding_rows(model: Any) -> int | None:
    """Return how many phoneme ids the model has: the rows of the table that `input` indexes."""
    tables = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Gather" and len(node.input) > 1 and node.input[1] == "input" and node.input[0] in tables:
            return int(tables[node.input[0]][0])
    return None


def _describe(model: Any) -> dict[str, Any]:
    from core.vits.voice_graph import VoiceGraph

    voice = VoiceGraph(model)
    topology = voice.topology
    summary = GraphSummary(
        opset=max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")),
        nodes=len(model.graph.node),
        components=tuple(
            ComponentSummary(part.name, part.nodes, part.weight_bytes)
            for part in (topology.components if topology else ())
        ),
        upsampling_stages=topology.upsampling_stages if topology else None,
        unrecognized=voice.unsupported,
    )
    return summary.to_json()
