"""Voices in several files, written as one into the workspace: both halves of a streaming export, and weights beside a model.

The user's files are only read. A voice that is one file already stays where it is.
"""

import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InvalidInput
from core.files import PRIVATE_FILE, flush_file, flush_folder, mkdir_private
from core.text import safe_name
from core.users import expand_home
from core.voices.config import read_config
from core.voices.file import VoiceFile, config_path_of, default_key, read_voice
from core.voices.other_file import describe_other_file

JOINED = "joined"
"""The folder of joined voices, in that of the voices."""
# The names that streaming exports give to the files of a voice.
_HALVES = ("encoder", "decoder")
_CONFIG = "config.json"


def read_whole_voice(path: Path, folder: Path) -> VoiceFile:
    """Read a voice like `read_voice`; one in several files is first written as one file below `folder`.

    `path` is the model, one of the halves of a streaming export, or the folder with both. Raises InvalidInput.
    """
    path = expand_home(path).absolute()
    parts = _parts_of(path)
    return read_voice(_write(parts, folder) if parts else path)


@dataclass(frozen=True)
class _Parts:
    """A voice in several files, joined in memory."""

    model: Any
    config: Path
    name: str
    source: Path
    """The model, or the folder of both halves: the same source is always written to the same file."""


def _parts_of(path: Path) -> _Parts | None:
    """Return the parts of a voice in several files; None for one in a single file, and for a folder of something else."""
    from core.graph.model import read_model_in_parts
    from core.vits.halves import Half, half_of

    if path.is_dir():
        named = (file for file in sorted(path.glob("*.onnx")) if Half.ENCODER in file.name)
        encoders = [file for file in named if _partner(file, Half.ENCODER).is_file()]
        return _joined(encoders[0], _partner(encoders[0], Half.ENCODER)) if len(encoders) == 1 else None
    try:
        model, several_files = read_model_in_parts(path)
    except InvalidInput as error:
        raise InvalidInput(describe_other_file(path) or str(error)) from error
    half = half_of(model)
    if half is None:
        return _Parts(model, config_path_of(path), default_key(path), path) if several_files else None
    partner = _partner(path, half)
    if not partner.is_file():
        return None
    return _joined(path, partner) if half is Half.ENCODER else _joined(partner, path)


def _partner(path: Path, half: str) -> Path:
    """Return where the other half is: the same name with the name of the other half in it, else that name alone."""
    other = _HALVES[1 - _HALVES.index(half)]
    return path.with_name(path.name.replace(half, other) if half in path.name else f"{other}.onnx")


def _joined(encoder: Path, decoder: Path) -> _Parts:
    """Join both halves. Raises InvalidInput."""
    from core.graph.errors import UnsupportedGraph
    from core.graph.model import read_model_in_parts
    from core.vits.halves import join_halves

    halves = [read_model_in_parts(half)[0] for half in (encoder, decoder)]
    try:
        whole = join_halves(*halves)
    except UnsupportedGraph as reason:
        raise InvalidInput(
            f"{encoder} and {decoder.name} are not halves of one voice: {reason}; export the voice again"
        ) from reason
    folder = encoder.parent
    return _Parts(whole, _config_of(encoder, decoder), safe_name(folder.name, "voice"), folder)


def _config_of(encoder: Path, decoder: Path) -> Path:
    """Return the configuration of two halves: beside one of them, else `config.json`, else the only one in the folder."""
    folder = encoder.parent
    for path in (config_path_of(encoder), config_path_of(decoder), folder / _CONFIG):
        if path.exists():
            return path
    found = sorted(folder.glob("*.json"))
    if len(found) == 1:
        return found[0]
    raise InvalidInput(
        f"{folder} has {len(found) or 'no'} configurations for {encoder.name} and {decoder.name}: "
        f"put the voice's .onnx.json there as {_CONFIG}"
    )


def _write(parts: _Parts, folder: Path) -> Path:
    """Write the voice as one file, unless that is there already, and return its path. Raises InvalidInput."""
    import onnx

    config = read_config(parts.config)
    place = folder / JOINED / hashlib.sha256(str(parts.source).encode()).hexdigest()[:12]
    final = place / f"{parts.name}.onnx"
    mkdir_private(folder)
    with tempfile.TemporaryDirectory(prefix=".joining-", dir=folder) as drafts:
        draft = Path(drafts) / final.name
        onnx.save(parts.model, draft)
        config_path_of(draft).write_text(json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8")
        _check(draft, parts)
        mkdir_private(place)
        # The model comes last, so that it never exists without its configuration.
        for source, target in ((config_path_of(draft), config_path_of(final)), (draft, final)):
            source.chmod(PRIVATE_FILE)
            flush_file(source)
            source.rename(target)
    flush_folder(place)
    return final


def _check(draft: Path, parts: _Parts) -> None:
    """Raise InvalidInput, with a message that names the user's files, for what is not a voice after all."""
    try:
        read_voice(draft)
    except InvalidInput as error:
        message = (
            str(error).replace(str(config_path_of(draft)), str(parts.config)).replace(str(draft), str(parts.source))
        )
        raise InvalidInput(message) from error
