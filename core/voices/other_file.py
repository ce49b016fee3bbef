"""What a file is that was named in the place of a voice's model, and what was probably meant."""

import shlex
import tarfile
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from core.processes import python_command
from core.voices.config import is_config

_HEAD_BYTES = 4096
_CHECKPOINTS = (".ckpt", ".pt", ".pth")
_PICKLES = tuple(bytes([0x80, version]) for version in range(2, 6))
_COMPRESSED = {b"\x1f\x8b": "gunzip -k", b"BZh": "bunzip2 -k", b"\xfd7zXZ\0": "unxz -k", b"\x28\xb5\x2f\xfd": "unzstd"}
_OTHER_MODELS = {
    ".ort": "a model in ONNX Runtime's own format",
    ".tflite": "a TensorFlow Lite model",
    ".safetensors": "a file of weights",
    ".mlpackage": "a Core ML package",
    ".mlmodel": "a Core ML model",
    ".wav": "a recording",
}
_ZIP = b"PK\x03\x04"
_WEB_PAGES = (b"<!doctype", b"<html", b"<?xml")
_TEXT_PROTO = (b"ir_version", b"graph {")
_TEXT_FORMATS = {".pbtxt": "textproto", ".textproto": "textproto", ".prototxt": "textproto", ".onnxtxt": "onnxtxt"}
_LFS = b"version https://git-lfs"


def describe_other_file(path: Path) -> str | None:
    """Return one line about a path that is no ONNX model, with what to do instead; None if there is nothing to add."""
    try:
        if not path.exists():
            return _missing(path)
        if path.is_dir():
            return _folder(path)
        if not path.is_file():
            return None
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return None
    return _by_content(path, head) or _by_name(path)


def _missing(path: Path) -> str | None:
    if path.with_name(f"{path.name}.onnx").is_file():
        return f"{path} does not exist: add {_quoted(path)}.onnx"
    other = _only(_models(path.parent))
    return (
        f"{path} does not exist: check the path, or add the one voice in its folder, {_quoted(other)}"
        if other
        else None
    )


def _folder(path: Path) -> str | None:
    model = _only(_models(path))
    if model:
        return f"{path} is a folder: add the voice in it, {_quoted(model)}"
    return _by_name(path)


def _by_content(path: Path, head: bytes) -> str | None:
    if head.startswith(_LFS):
        return f"{path} is a pointer of Git LFS, not the file itself: run `git lfs pull` in its repository"
    if head.startswith(_ZIP):
        return _checkpoint(path) if _holds_pickle(path) else f"{path} is an archive: unpack it (unzip {_quoted(path)})"
    if head.startswith(_PICKLES):
        return _checkpoint(path)
    for magic, unpack in _COMPRESSED.items():
        if head.startswith(magic):
            command = "tar -xf" if ".tar" in path.suffixes or path.suffix == ".tgz" or _is_tar(path) else unpack
            return f"{path} is compressed: unpack it ({command} {_quoted(path)}), then add the .onnx file"
    if head[257:262] == b"ustar":
        return f"{path} is an archive: unpack it (tar -xf {_quoted(path)}), then add the .onnx file in it"
    return _text(path, head)


def _is_tar(path: Path) -> bool:
    with suppress(OSError, EOFError, tarfile.TarError, ValueError):
        return tarfile.is_tarfile(path)
    return False


def _holds_pickle(path: Path) -> bool:
    with suppress(OSError, ValueError, zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        return any(name.endswith("data.pkl") for name in archive.namelist())
    return False


def _checkpoint(path: Path) -> str:
    return (
        f"{path} is a checkpoint, not a voice: export it where it was trained (python -m piper.train.export_onnx "
        f"--checkpoint {_quoted(path)} --output-file {_quoted(path.with_suffix('.onnx'))})"
    )


def _text(path: Path, head: bytes) -> str | None:
    """Return what a file of text is; a model has bytes that are none."""
    text = head.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")
    if text.startswith((b"{", b"[")):
        return _json(path)
    if text.lower().startswith(_WEB_PAGES):
        return f"{path} is a web page, not a model: download the file itself"
    form = _TEXT_FORMATS.get(path.suffix) or ("textproto" if text.startswith(_TEXT_PROTO) else None)
    if form:
        target = path.with_suffix(".onnx")
        if target.is_file():
            return f"{path} is a model as text: add {_quoted(target)}"
        code = f"import onnx; onnx.save(onnx.load({str(path)!r}, format={form!r}), {str(target)!r})"
        return f"{path} is a model as text: convert it first ({python_command('-c', code)}), then add {_quoted(target)}"
    return None


def _json(path: Path) -> str:
    stem = path.name.removesuffix(".json").removesuffix(".onnx")
    own = path.with_name(f"{stem}.onnx")
    model = own if own.is_file() else _only(_models(path.parent))
    if model:
        return f"{path} is a configuration, not a model: add {_quoted(model)}"
    if is_config(path):
        return f"{path} is a voice's configuration, not its model: get {own.name} too, and add that"
    return f"{path} is JSON, not a model: name the .onnx file of a Piper voice"


def _by_name(path: Path) -> str | None:
    if path.suffix.lower() in _CHECKPOINTS:
        return _checkpoint(path)
    kind = _OTHER_MODELS.get(path.suffix.lower())
    return f"{path} is {kind}, not a Piper voice: name its .onnx file" if kind else None


def _models(folder: Path) -> Iterable[Path]:
    try:
        return sorted(entry for entry in folder.glob("*.onnx") if entry.is_file())
    except OSError:
        return []


def _only(paths: Iterable[Path]) -> Path | None:
    found = list(paths)
    return found[0] if len(found) == 1 else None


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
