"""Reading ONNX files as untrusted input, and writing them."""

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from core.errors import InvalidInput
from core.graph.external import LARGEST_FILE, external_files, load_weights
from core.graph.index import STANDARD_DOMAINS, graphs_of
from core.text import truncate

# The domains of operators that ONNX Runtime has; a file can import more of them than it uses.
_KNOWN_DOMAINS = (
    *(*STANDARD_DOMAINS, "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training", "ai.onnx.training"),
    *("com.microsoft", "com.microsoft.experimental", "com.microsoft.nchwc", "com.ms.internal.nhwc"),
)


def read_model(path: Path) -> onnx.ModelProto:
    """Read a model and check it.

    Raises InvalidInput for a file that is not a model, is damaged, needs operators that this installation does not know,
    or keeps weights in other files.
    """
    model = _parse(path)
    _check_external_data(path, model)
    _check_operators(path, model)
    return model


def _parse(path: Path) -> onnx.ModelProto:
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
    return model


def read_model_in_parts(path: Path) -> tuple[onnx.ModelProto, bool]:
    """Read a model with the weights that it keeps in other files of its folder, and check it.

    Returns the model, and whether there are such files. Raises InvalidInput.
    """
    model = _parse(path)
    several_files = load_weights(path, model)
    _check_operators(path, model)
    return model, several_files


def save_model(model: onnx.ModelProto, path: Path) -> None:
    """Write a model, and declare every operator domain that it uses."""
    declared = {entry.domain for entry in model.opset_import}
    for domain in sorted({node.domain for graph in graphs_of(model.graph) for node in graph.node} - declared):
        model.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    onnx.save(model, path)


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
        if path.is_dir():
            raise InvalidInput(f"{path} is a folder: name the .onnx file in it")
        if not path.is_file():
            raise InvalidInput(f"{path} is not a regular file: name the .onnx file of a Piper voice")
        if status.st_size == 0:
            raise InvalidInput(f"{path} is empty: get the file again")
        if status.st_size > LARGEST_FILE:
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
    for location in external_files(path, model):
        raise InvalidInput(
            f"{path} keeps weights in another file ({truncate(location)!r}): save it as one file first (onnx.save)"
        )


def _check_operators(path: Path, model: onnx.ModelProto) -> None:
    if model.ir_version > onnx.IR_VERSION:
        raise InvalidInput(
            f"{path} has ONNX format {model.ir_version}, but this installation supports up to {onnx.IR_VERSION}: update onnx"
        )
    newest = onnx.defs.onnx_opset_version()
    for opset in model.opset_import:
        if opset.domain in STANDARD_DOMAINS and not 1 <= opset.version <= newest:
            raise InvalidInput(
                f"{path} needs ONNX opset {opset.version}, but this installation supports up to {newest}: update onnx and onnxruntime"
            )
    if not any(opset.domain in STANDARD_DOMAINS for opset in model.opset_import):
        raise InvalidInput(f"{path} does not declare its ONNX opset: not a Piper voice, or damaged")
    functions = {(function.domain, function.name) for function in model.functions}
    inside = (node for function in model.functions for node in function.node)
    for node in (*(node for graph in graphs_of(model.graph) for node in graph.node), *inside):
        if (node.domain, node.op_type) in functions:
            continue
        if node.domain not in _KNOWN_DOMAINS:
            raise InvalidInput(
                f"{path} uses operators of an unknown domain, {truncate(node.domain)!r}: not a Piper voice"
            )
        if not _is_known(node):
            raise InvalidInput(
                f"{path} uses the unknown operator {truncate(node.op_type)!r}: not a Piper voice, or damaged"
            )


def _is_known(node: onnx.NodeProto) -> bool:
    try:
        return node.domain not in STANDARD_DOMAINS or bool(onnx.defs.has(node.op_type))
    except TypeError:  # bytes that are not text
        return False
