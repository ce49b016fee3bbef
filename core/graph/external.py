"""Weights that a model keeps in other files. ONNX Runtime reads some of them that the `onnx` package refuses, such as links."""

from pathlib import Path

import onnx

from core.errors import InvalidInput
from core.graph.index import tensors_of
from core.text import truncate

LARGEST_FILE = 2**31 - 1
"""The most bytes of a model: protocol buffers cannot hold more in one message."""


def external_files(path: Path, model: onnx.ModelProto) -> dict[str, Path]:
    """Return the files that hold weights of the model, as the model calls them. Raises InvalidInput for one elsewhere."""
    locations = dict.fromkeys(_location_of(tensor) for tensor in _external_tensors(model))
    for location in locations:
        if not _is_inside(path, location):
            raise InvalidInput(
                f"{path} points outside its folder for its weights ({truncate(location)!r}), where Piper does not read "
                "them: export it again with its weights inside"
            )
    return {location: path.parent / location for location in locations}


def load_weights(path: Path, model: onnx.ModelProto) -> bool:
    """Read the weights in other files into the model. Returns whether there are any; raises InvalidInput."""
    files, size = external_files(path, model), path.stat().st_size
    for file in files.values():
        if not file.is_file():
            raise InvalidInput(f"{file} does not exist, or is not a regular file: {path.name} keeps its weights there")
    for tensor in _external_tensors(model):
        file = files[_location_of(tensor)]
        begin, length = _range_of(path, tensor, file)
        size += length
        if size > LARGEST_FILE:
            raise InvalidInput(f"{path} and its weights exceed 2 GB together: not a Piper voice")
        tensor.raw_data = _read(file, begin, length)
    for tensor in tensors_of(model.graph):
        # As it is in a model that never was in several files.
        tensor.ClearField("data_location")
        tensor.ClearField("external_data")
    return bool(files)


def _external_tensors(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    return [tensor for tensor in tensors_of(model.graph) if tensor.data_location == onnx.TensorProto.EXTERNAL]


def _location_of(tensor: onnx.TensorProto) -> str:
    return next((entry.value for entry in tensor.external_data if entry.key == "location"), "")


def _is_inside(path: Path, location: str) -> bool:
    """Return whether a file lies in the folder of the model, or in that of the file to which the model is a link."""
    try:
        file = (path.parent / location).resolve()
        return any(file.is_relative_to(folder) for folder in (path.parent.resolve(), path.resolve().parent))
    except (OSError, ValueError, RuntimeError):  # not a valid path, for example with a NUL in it
        return False


def _range_of(path: Path, tensor: onnx.TensorProto, file: Path) -> tuple[int, int]:
    """Return the first byte and the number of bytes of a tensor in a file. Raises InvalidInput."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    try:
        size = file.stat().st_size
        begin = int(entries.get("offset", 0))
        length = int(entries.get("length", size - begin))
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from error
    except ValueError:
        begin = length = -1
    if begin + length > size:
        raise InvalidInput(
            f"{path} has weights up to byte {begin + length} of {truncate(file.name)}, which has {size}: get both files again"
        )
    if begin < 0 or length < 0:
        raise InvalidInput(f"{path} does not say where in {truncate(file.name)} its weights are: export it again")
    return begin, length


def _read(file: Path, begin: int, length: int) -> bytes:
    try:
        with file.open("rb") as opened:
            opened.seek(begin)
            return opened.read(length)
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from error
