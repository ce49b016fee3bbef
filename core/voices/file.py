"""A Piper voice on disk: `NAME.onnx` with `NAME.onnx.json` beside it, read and checked as untrusted input."""

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
_LARGEST_CONFIG = 16_000_000
_SCALES = {"length_scale": "speed of speech", "noise_scale": "share of noise", "noise_w": "share of noise"}
_PIPER_NAME = re.compile(r"[a-z]{2,3}_[A-Z0-9]{2,4}-\w+-\w+")
_INPUTS = ("input", "input_lengths", "scales")


@dataclass(frozen=True)
class VoiceFile:
    """What a voice's two files say, once they have been found sound."""

    path: Path
    sha256: str
    size_bytes: int
    config: dict[str, Any]
    anatomy: dict[str, Any]
    """`{"parts": [{"name", "nodes", "weight_bytes"}], "upsampling_stages", "opset"}`; `{"unrecognised": reason}`
    instead of the parts when the graph is not built like VITS."""

    @property
    def sample_rate(self) -> int:
        return int(self.config["audio"]["sample_rate"])

    @property
    def speakers(self) -> int:
        return int(self.config["num_speakers"])

    @property
    def language(self) -> str:
        """The language as the configuration has it (`en_US`), else espeak's name of it (`en-us`)."""
        language = self.config.get("language")
        code = language.get("code") if isinstance(language, dict) else None
        return str(code or self.config["espeak"]["voice"])


def is_piper_name(text: str) -> bool:
    """Whether it is written as Piper's collection names its voices: `en_US-lessac-medium`."""
    return _PIPER_NAME.fullmatch(text) is not None


def config_path_of(model_path: Path) -> Path:
    return model_path.with_name(model_path.name + ".json")


def default_key(model_path: Path) -> str:
    """The name of a voice: its file's stem, or its folder's name when the stem says nothing (`model.onnx`)."""
    generic = model_path.stem.lower() in _GENERIC_STEMS and model_path.parent.name
    return safe_name(model_path.parent.name if generic else model_path.stem, fallback="voice")


def read_voice(path: Path) -> VoiceFile:
    """Read and check both files of a voice. Raises BadInput with one line that names the file and the mend."""
    from core.graph.model import read_model

    path = path.expanduser().absolute()
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{path} has a name that is not UTF-8: rename it") from error
    model = read_model(path)
    config = read_config(config_path_of(path))
    _check_inputs(path, model, config)
    return VoiceFile(
        path=path,
        sha256=sha256_of(path),
        size_bytes=path.stat().st_size,
        config=config,
        anatomy=_describe(model),
    )


def read_config(path: Path) -> dict[str, Any]:
    """A voice's configuration with the keys that Piper needs, each of the right kind. Raises BadInput."""
    try:
        if path.exists() and not path.is_file():
            raise InvalidInput(f"{path} is not a regular file: put the voice's configuration there")
        if path.stat().st_size > _LARGEST_CONFIG:
            raise InvalidInput(f"{path} is too large for a voice's configuration: get the file again")
        config = json.loads(path.read_bytes())
        # Half a character is valid JSON, but nothing can be written with it.
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
                f"{path} lacks {'.'.join(keys)}, or it is no {kind.__name__}: not a Piper voice's configuration"
            )
    inference = config.get("inference", {})
    scales = [inference.get(name, 1.0) if isinstance(inference, dict) else None for name in _SCALES]
    for name, scale in zip(_SCALES, scales, strict=True):
        if not isinstance(scale, int | float) or not 0 <= scale < 100 or (name == "length_scale" and not scale):
            raise InvalidInput(f"{path} has an inference.{name} that is no {_SCALES[name]}: get the file again")
    if config["num_speakers"] < 1:
        raise InvalidInput(f"{path} says {truncate(config['num_speakers'])} speakers: get the file again")
    return config  # type: ignore[no-any-return]


def _check_inputs(path: Path, model: Any, config: dict[str, Any]) -> None:
    """Hold what the configuration says against what the graph can take."""
    names = [entry.name for entry in model.graph.input]
    missing = [name for name in _INPUTS if name not in names]
    if missing or len(model.graph.output) < 1:
        raise InvalidInput(f"{path} is no Piper voice: its graph lacks the input {', '.join(missing) or 'and output'}")
    where = config_path_of(path)
    if not 1_000 <= config["audio"]["sample_rate"] <= 384_000:
        raise InvalidInput(
            f"{where} says a sample rate of {truncate(config['audio']['sample_rate'])} Hz: get the file again"
        )
    if config["num_speakers"] > 1 and "sid" not in names:
        raise InvalidInput(
            f"{where} says {truncate(config['num_speakers'])} speakers, but the model has no speaker input: not its file"
        )
    rows = _embedding_rows(model)
    highest = max((entry for ids in config["phoneme_id_map"].values() for entry in _ids(where, ids)), default=-1)
    if highest < 0:
        raise InvalidInput(f"{where} has an empty phoneme_id_map: get the file again")
    if rows is not None and highest >= rows:
        raise InvalidInput(
            f"{where} maps to phoneme id {truncate(highest)}, but the model knows {rows} of them: not its file"
        )


def _ids(where: Path, ids: Any) -> list[int]:
    whole = isinstance(ids, list) and all(isinstance(entry, int) and not isinstance(entry, bool) for entry in ids)
    if not whole or any(entry < 0 for entry in ids):
        raise InvalidInput(
            f"{where} has something else than numbers in the lists of its phoneme_id_map: get the file again"
        )
    return list(ids)


def _embedding_rows(model: Any) -> int | None:
    """How many phoneme ids the model knows: the rows of the table that `input` indexes."""
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
