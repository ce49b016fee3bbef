"""What a file is that was named in the place of a voice's model, and what was probably meant."""

import shlex
import tarfile
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import InvalidInput
from core.processes import python_command
from core.text import fold_case, free_name
from core.voices.config import is_config

if TYPE_CHECKING:
    from core.vits.halves import Half

_HEAD_BYTES = 4096
_CHECKPOINTS = (".ckpt", ".pt", ".pth")
_PICKLES = tuple(bytes([0x80, version]) for version in range(2, 6))
# What a compressed file begins with, the suffix of its name, and the program that unpacks it.
_COMPRESSED = {
    b"\x1f\x8b": (".gz", "gunzip"),
    b"BZh": (".bz2", "bunzip2"),
    b"\xfd7zXZ\0": (".xz", "unxz"),
    b"\x28\xb5\x2f\xfd": (".zst", "unzstd"),
}
_MODEL = ".onnx"
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
        if other and not _half(other)
        else None
    )


def _folder(path: Path) -> str | None:
    model = _only(_models(path))
    half = model and _half(model)
    if model and half:
        return f"{path} has only the {half} of a streaming voice, {model.name}: {missing_half(half)}"
    if model:
        return f"{path} is a folder: add the voice in it, {_quoted(model)}"
    return _by_name(path)


def _half(model: Path) -> "Half | None":
    """Return which half of a voice a model is; None for a whole voice, and for what is no model."""
    from core.graph.model import read_model_in_parts
    from core.vits.halves import half_of

    with suppress(InvalidInput):
        return half_of(read_model_in_parts(model)[0])
    return None


def missing_half(half: "Half") -> str:
    """Return what to do about a half of a voice without the other one."""
    return f"put its {half.other} beside it as {half.other}.onnx, or take the whole voice as one .onnx file"


def _by_content(path: Path, head: bytes) -> str | None:
    if head.startswith(_LFS):
        return f"{path} is a Git LFS pointer, not the file itself: run `git lfs pull` in its repository"
    if head.startswith(_PICKLES) or (head.startswith(_ZIP) and _holds_pickle(path)):
        return _checkpoint(path)
    if head.startswith(_ZIP):
        return _archive(path, "unzip")
    if head[257:262] == b"ustar":
        return _archive(path, "tar -xf")
    return _compressed(path, head) or _text(path, head)


def _archive(path: Path, unpack: str) -> str:
    """Return how to unpack an archive: into a new folder if a file in it may have the archive's name."""
    command = f"{unpack} {_quoted(path)}"
    if path.suffix.lower() == _MODEL:
        target = path.with_name(free_name(f"{path.stem}-unpacked", "2", _names_beside(path)))
        folder = shlex.quote(str(target))
        command = f"mkdir {folder} && {command} {'-d' if unpack == 'unzip' else '-C'} {folder}"
    return f"{path} is an archive: unpack it ({command}), then add the .onnx file in it"


def _compressed(path: Path, head: bytes) -> str | None:
    """Return how to unpack a compressed file. The programs take only names that end in their own suffix."""
    suffix, unpack = next((found for magic, found in _COMPRESSED.items() if head.startswith(magic)), ("", ""))
    if not unpack:
        return None
    if ".tar" in path.suffixes or path.suffix == ".tgz" or _is_tar(path):
        return _archive(path, "tar -xf")
    if path.suffix == suffix:
        return f"{path} is compressed: unpack it ({unpack} -k {_quoted(path)}), then add the .onnx file"
    target = _quoted(_free_model(path, "unpacked"))
    return f"{path} is compressed: unpack it ({unpack} -c < {_quoted(path)} > {target}), then add {target}"


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
        f"--checkpoint {_quoted(path)} --output-file {_quoted(_free_model(path, 'exported'))})"
    )


def _free_model(path: Path, suffix: str) -> Path:
    """Return a path beside a file for the model that is made from it, where no file is yet."""
    return path.with_name(f"{free_name(path.stem, suffix, _names_beside(path, _MODEL))}{_MODEL}")


def _names_beside(path: Path, ending: str = "") -> set[str]:
    """Return the names in a file's folder with that ending, without it, as `free_name` takes them."""
    with suppress(OSError):
        names = [fold_case(entry.name) for entry in path.parent.iterdir()]
        return {name.removesuffix(ending) for name in names if name.endswith(ending)}
    return set()


def _text(path: Path, head: bytes) -> str | None:
    """Return what a file of text is; a model has bytes that are none."""
    text = head.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")
    if text.startswith((b"{", b"[")):
        return _json(path)
    if text.lower().startswith(_WEB_PAGES):
        return f"{path} is a web page, not a model: download the file itself"
    form = _TEXT_FORMATS.get(path.suffix) or ("textproto" if text.startswith(_TEXT_PROTO) else None)
    if form:
        target = path.with_suffix(_MODEL)
        if target == path:
            target = _free_model(path, "converted")
        elif target.is_file():
            return f"{path} is a model as text: add {_quoted(target)}"
        code = f"import onnx; onnx.save(onnx.load({str(path)!r}, format={form!r}), {str(target)!r})"
        return f"{path} is a model as text: convert it first ({python_command('-c', code)}), then add {_quoted(target)}"
    return None


def _json(path: Path) -> str:
    stem = path.name.removesuffix(".json").removesuffix(".onnx")
    own = path.with_name(f"{stem}.onnx")
    model = own if own.is_file() and own != path else _only(entry for entry in _models(path.parent) if entry != path)
    half = model and _half(model)
    if model and half:
        return f"{path} is a configuration, and {model.name} only the {half} of a streaming voice: {missing_half(half)}"
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
