"""The configuration of a voice, `NAME.onnx.json`: whatever piper-tts accepts is accepted, and nothing else.

What piper-tts accepts in several forms is normalized: 22050.0 Hz, a `num_speakers` of 0, an id in quotes.
"""

import json
import math
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.errors import InvalidInput
from core.text import truncate

_MAX_BYTES = 16_000_000
# In Piper's export a speaker is 512 numbers of 4 bytes, and an ONNX file has at most 2 GB.
MOST_SPEAKERS = 1_000_000
"""More speakers than a model can have."""
_SCALES = {"length_scale": "length scale", "noise_scale": "noise scale", "noise_w": "noise scale"}
USUAL_SCALES = {"length_scale": 1, "noise_scale": 0.667, "noise_w": 0.8}
"""What Piper uses where a configuration has none."""
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_UTF_8_MARK = b"\xef\xbb\xbf"
_MOST_CANDIDATES = 100


def read_config(path: Path) -> dict[str, Any]:
    """Return a voice's configuration, normalized. Raises InvalidInput for one that piper-tts does not accept."""
    return normalize_config(path, _read_json(path))


def normalize_config(path: Path, config: Any) -> dict[str, Any]:
    """Return what was read from a configuration, normalized. Raises InvalidInput as `read_config` does."""
    _check_keys(path, config)
    _check_vowel_clusters(path, config)
    rate, speakers = config["audio"]["sample_rate"], config["num_speakers"]
    normalized = {
        "audio": config["audio"] | {"sample_rate": _sample_rate(path, rate)},
        "num_speakers": _speakers(path, speakers),
        "phoneme_id_map": _phoneme_id_map(path, config),
    }
    return {**config, **normalized, **_inference(path, config)}


def is_config(path: Path) -> bool:
    """Return whether a file is the configuration of a voice."""
    with suppress(InvalidInput):
        return bool(read_config(path))
    return False


def _read_json(path: Path) -> Any:
    try:
        if path.exists() and not path.is_file():
            raise InvalidInput(f"{path} is not a regular file: put the voice's configuration there")
        if path.stat().st_size > _MAX_BYTES:
            raise InvalidInput(f"{path} is too large for a voice's configuration: get the file again")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InvalidInput(_missing(path)) from error
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error
    text = _decode(path, content)
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInput(_damaged(path, text, error)) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is not valid JSON: get the file again") from error
    try:
        json.dumps(config, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{path} has a \\u escape that is half a character: remove it") from error
    return config


def _decode(path: Path, content: bytes) -> str:
    """Return the text of a file that piper-tts can read: UTF-8 without a byte order mark."""
    if content.startswith(_UTF_8_MARK):
        raise InvalidInput(
            f"{path} begins with a byte order mark, which Piper does not read: save it as UTF-8 without one"
        )
    if content and not content.strip(b"\0"):
        raise InvalidInput(f"{path} contains nothing but zero bytes, as after a power failure: get the file again")
    if content.startswith(_UTF_16) or b"\0" in content[:4]:
        raise InvalidInput(f"{path} is UTF-16 or UTF-32 text, which Piper does not read: save it as UTF-8")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8, which Piper needs: save it as UTF-8") from error


def _damaged(path: Path, text: str, error: json.JSONDecodeError) -> str:
    """Return what to do about text that is not JSON, which can be corrected if it does not just end too early."""
    if not text[error.pos :].strip():
        return f"{path} is not valid JSON, it is empty or ends too early: get the file again"
    return (
        f"{path} is not valid JSON at line {error.lineno}, column {error.colno}: correct it there (JSON has no comments, "
        "and no comma before a closing bracket), or get the file again"
    )


def _missing(path: Path) -> str:
    """Return what to do about a missing configuration. Another file of the folder may be it, under another name."""
    candidates = []
    with suppress(OSError):
        candidates = [
            other
            for other in sorted(path.parent.glob("*.json"))[:_MOST_CANDIDATES]
            if not other.with_suffix("").is_file() and is_config(other)
        ]
    if len(candidates) == 1:
        command = shlex.join(["cp", str(candidates[0]), str(path)])
        return f"{path} does not exist, but {candidates[0].name} is a voice's configuration: {command}"
    return f"{path} does not exist: a Piper voice needs its .onnx.json beside it"


def _check_keys(path: Path, config: Any) -> None:
    if not isinstance(config, dict):
        raise InvalidInput(f"{path} is not a JSON object: this is not a Piper voice's configuration")
    for keys in (
        ("audio", "sample_rate"),
        ("espeak", "voice"),
        ("num_symbols",),
        ("num_speakers",),
        ("phoneme_id_map",),
    ):
        value: Any = config
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                raise InvalidInput(f"{path} lacks {'.'.join(keys)}: this is not a Piper voice's configuration")
            value = value[key]
    # Other kinds of phonemes need no voice of espeak.
    if config.get("phoneme_type", "espeak") == "espeak" and not isinstance(config["espeak"]["voice"], str):
        raise InvalidInput(f"{path} has an espeak.voice that is not a name: set it to espeak-ng's name, such as en-us")


def _sample_rate(path: Path, value: Any) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidInput(f"{path} has an audio.sample_rate that is not a number: set it to the voice's rate in Hz")
    if not 1_000 <= value <= 384_000:
        raise InvalidInput(f"{path} has an audio.sample_rate of {truncate(value)} Hz: get the file again")
    return round(value)


def _speakers(path: Path, value: Any) -> int:
    if not isinstance(value, int | float) or value == math.inf:
        raise InvalidInput(f"{path} has a num_speakers that is not a number: set it to 1, or to the number of speakers")
    if value >= MOST_SPEAKERS:
        raise InvalidInput(
            f"{path} has a num_speakers of {truncate(value)}, more than a model can have: set it to the number of speakers"
        )
    # Piper tests only whether there are more than one.
    return max(1, int(value)) if value > 1 else 1


def _phoneme_id_map(path: Path, config: dict[str, Any]) -> dict[str, list[int]]:
    found = config["phoneme_id_map"] or _default_map(config)
    if not isinstance(found, dict):
        raise InvalidInput(f"{path} has a phoneme_id_map that is not a JSON object: get the file again")
    return {phoneme: _ids(path, phoneme, ids) for phoneme, ids in found.items()}


def _default_map(config: dict[str, Any]) -> dict[str, list[int]]:
    """Return the map that piper-tts uses if the configuration has an empty one."""
    from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

    if config.get("phoneme_type") != "pinyin":
        return dict(DEFAULT_PHONEME_ID_MAP)
    with suppress(ImportError):
        from piper.phonemize_chinese import PHONEME_TO_ID

        return dict(PHONEME_TO_ID)
    return {}


def _ids(path: Path, phoneme: str, ids: Any) -> list[int]:
    import numpy as np

    try:
        converted = np.array(list(ids), dtype=np.int64)
        if converted.ndim == 1:
            return [int(entry) for entry in converted]
    except (TypeError, ValueError, OverflowError):
        pass
    raise InvalidInput(
        f"{path} has values other than ids for {truncate(phoneme)!r} in its phoneme_id_map: get the file again"
    )


def _inference(path: Path, config: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    if "inference" not in config:
        return {}
    inference = config["inference"]
    if not isinstance(inference, dict):
        raise InvalidInput(f"{path} has an inference that is not a JSON object: remove it")
    scales = {}
    for name, meaning in _SCALES.items():
        if name not in inference:
            continue
        with suppress(TypeError, ValueError, OverflowError), np.errstate(over="ignore"):
            scales[name] = float(np.array([inference[name]], dtype=np.float32)[0])
        if not math.isfinite(scales.get(name, math.nan)) or (name == "length_scale" and scales[name] <= 0):
            raise InvalidInput(f"{path} has an inference.{name} that is not a {meaning}: remove it")
        if isinstance(inference[name], int | float) and not isinstance(inference[name], bool):
            scales[name] = inference[name]
    return {"inference": inference | scales}


def _check_vowel_clusters(path: Path, config: dict[str, Any]) -> None:
    try:
        {tuple(cluster) for cluster in config.get("vowel_clusters") or ()}
    except TypeError as error:
        raise InvalidInput(f"{path} has vowel_clusters that are not lists of phonemes: get the file again") from error
