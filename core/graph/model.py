"""Reading ONNX files as untrusted input, and writing them."""

from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from core.errors import InvalidInput
from core.text import truncate

# Protocol buffers cannot hold more in one message.
_LARGEST_FILE = 2**31 - 1
_STANDARD_DOMAINS = ("", "ai.onnx")
_KNOWN_DOMAINS = (*_STANDARD_DOMAINS, "ai.onnx.ml", "com.microsoft")


def read_model(path: Path) -> onnx.ModelProto:
    """Read a model and check it.

    Raises InvalidInput for a file that is not a model, is damaged, needs operators that this installation does not know,
    or keeps weights in other files.
    """
    _check_file(path)
    try:
        # Else the format follows from the name: a `.json` would be parsed as JSON.
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except DecodeError as error:
        raise InvalidInput(f"{path} is not an ONNX model, or is truncated: get the file again") from error
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error
    if not model.graph.node or not model.opset_import:
        raise InvalidInput(f"{path} contains no ONNX graph, or is truncated: get the file again")
    _check_external_data(path, model)
    _check_operators(path, model)
    return model


def save_model(model: onnx.ModelProto, path: Path) -> None:
    """Write a model, and declare every operator domain that it uses."""
    declared = {entry.domain for entry in model.opset_import}
    for domain in sorted({node.domain for node in _nodes(model.graph)} - declared):
        model.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    onnx.save(model, path)


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield every node, including those of subgraphs."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _nodes(attribute.g)


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
        if path.is_dir():
            raise InvalidInput(f"{path} is a folder: name the .onnx file in it")
        if not path.is_file():
            raise InvalidInput(f"{path} is not a regular file: name the .onnx file of a Piper voice")
        if status.st_size == 0:
            raise InvalidInput(f"{path} is empty: get the file again")
        if status.st_size > _LARGEST_FILE:
            raise InvalidInput(
                f"{path} has {status.st_size / 1e9:.1f} GB, but an ONNX file cannot exceed 2 GB: not a Piper voice"
            )
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise InvalidInput(f"{path} does not exist: check the path") from error
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error


def _check_external_data(path: Path, model: onnx.ModelProto) -> None:
    for tensor in _tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
            if not _is_inside(path.parent, location):
                raise InvalidInput(
                    f"{path} points outside its folder for its weights ({truncate(location)!r}): refused"
                )
            raise InvalidInput(
                f"{path} keeps weights in another file ({truncate(location)!r}): save it as one file first (onnx.save)"
            )


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield every stored tensor: initializers, and tensors in attributes and subgraphs."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _tensors(inner)


def _is_inside(folder: Path, location: str) -> bool:
    try:
        return (folder / location).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError):  # not a valid path, for example with a NUL in it
        return False


def _check_operators(path: Path, model: onnx.ModelProto) -> None:
    if model.ir_version > onnx.IR_VERSION:
        raise InvalidInput(
            f"{path} has ONNX format {model.ir_version}, but this installation supports up to {onnx.IR_VERSION}: update onnx"
        )
    newest = onnx.defs.onnx_opset_version()
    for opset in model.opset_import:
        if opset.domain not in _KNOWN_DOMAINS:
            raise InvalidInput(
                f"{path} uses operators of an unknown domain, {truncate(opset.domain)!r}: not a Piper voice"
            )
        if opset.domain in _STANDARD_DOMAINS and not 1 <= opset.version <= newest:
            raise InvalidInput(
                f"{path} needs ONNX opset {opset.version}, but this installation supports up to {newest}: update onnx and onnxruntime"
            )
    if not any(opset.domain in _STANDARD_DOMAINS for opset in model.opset_import):
        raise InvalidInput(f"{path} does not declare its ONNX opset: not a Piper voice, or damaged")
    for node in model.graph.node:
        if not _is_known(node):
            raise InvalidInput(
                f"{path} uses the unknown operator {truncate(node.op_type)!r}: not a Piper voice, or damaged"
            )


def _is_known(node: onnx.NodeProto) -> bool:
    try:
        return node.domain not in _STANDARD_DOMAINS or bool(onnx.defs.has(node.op_type))
    except TypeError:  # bytes that are not text
        return False
