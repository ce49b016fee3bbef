"""The same voice in the forms that exporters, simplifiers and ONNX Runtime write it in: other graphs, the same sound."""

import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, version_converter
from onnxruntime import GraphOptimizationLevel as Level

Form = Callable[[onnx.ModelProto], onnx.ModelProto]


def _weights_as_inputs(model: onnx.ModelProto) -> onnx.ModelProto:
    """As torch exports with keep_initializers_as_inputs."""
    model.graph.input.extend(
        helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims) for tensor in model.graph.initializer
    )
    return model


def _ir_version_3(model: onnx.ModelProto) -> onnx.ModelProto:
    """Before IR version 4 every initializer was an input."""
    model = _weights_as_inputs(model)
    model.ir_version = 3
    return model


def _saved_at(level: Level) -> Form:
    """As ONNX Runtime saves the graph that it runs (`optimized_model_filepath`)."""

    def saved(model: onnx.ModelProto) -> onnx.ModelProto:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level, options.log_severity_level = level, 3
        with tempfile.TemporaryDirectory() as folder:
            options.optimized_model_filepath = str(Path(folder) / "saved.onnx")
            onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
            return onnx.load(options.optimized_model_filepath)

    return saved


def _half_precision(model: onnx.ModelProto) -> onnx.ModelProto:
    """As ONNX Runtime's converter makes it: fp16 inside, fp32 outside, casts between."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return convert_float_to_float16(model, keep_io_types=True)


def _weights_stored_as(kind: type) -> Form:
    """Weights in fewer bits, each cast to fp32 in front of its consumers."""

    def stored(model: onnx.ModelProto) -> onnx.ModelProto:
        casts = []
        for tensor in model.graph.initializer:
            if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1:
                values = numpy_helper.to_array(tensor).astype(kind)
                casts.append(helper.make_node("Cast", [f"{tensor.name}/stored"], [tensor.name], to=TensorProto.FLOAT))
                tensor.CopyFrom(numpy_helper.from_array(values, f"{tensor.name}/stored"))
        return _with_nodes(model, [*casts, *model.graph.node])

    return stored


def _constant_nodes(model: onnx.ModelProto) -> onnx.ModelProto:
    nodes = [helper.make_node("Constant", [], [tensor.name], value=tensor) for tensor in model.graph.initializer]
    model = _with_nodes(model, [*nodes, *model.graph.node])
    del model.graph.initializer[:]
    return model


def _constant_numbers(model: onnx.ModelProto) -> onnx.ModelProto:
    """Constant nodes with numbers instead of tensors."""
    nodes, kept = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.name.startswith("/") and values.ndim < 2:
            kind = {"float32": "float", "int64": "int"}[values.dtype.name]
            given = {f"value_{kind}s": values.tolist()} if values.ndim else {f"value_{kind}": values.item()}
            nodes.append(helper.make_node("Constant", [], [tensor.name], **given))
        else:
            kept.append(tensor)
    model = _with_nodes(model, [*nodes, *model.graph.node])
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    return model


def _identity_nodes(model: onnx.ModelProto) -> onnx.ModelProto:
    """An Identity behind every node, and one that shares a weight, as torch exports equal weights."""

    def nodes() -> Iterator[onnx.NodeProto]:
        for number, node in enumerate(model.graph.node):
            if node.op_type == "Conv":
                yield helper.make_node("Identity", [node.input[1]], [f"{node.input[1]}/{number}"])
                node.input[1] = f"{node.input[1]}/{number}"
            (output,) = node.output[:1]
            node.output[0] = f"{output}/same"
            yield node
            yield helper.make_node("Identity", [f"{output}/same"], [output])

    return _with_nodes(model, list(nodes()))


def _renamed(name: Callable[[int], str]) -> Form:
    """Other names of tensors, and no names of nodes."""

    def rename(model: onnx.ModelProto) -> onnx.ModelProto:
        kept = {entry.name for entry in (*model.graph.input, *model.graph.output)}
        names: dict[str, str] = {}
        counter = itertools.count(1)
        for node in model.graph.node:
            node.ClearField("name")
            for entries in (node.input, node.output):
                for place, old in enumerate(entries):
                    if old and old not in kept:
                        entries[place] = names.setdefault(old, name(next(counter)))
        for tensor in model.graph.initializer:
            tensor.name = names[tensor.name]
        return model

    return rename


def _notes(model: onnx.ModelProto) -> onnx.ModelProto:
    model.doc_string, model.graph.doc_string, model.domain, model.model_version = "a voice", "its graph", "org.x", 7
    for node in model.graph.node:
        node.doc_string = "models.py(42): forward"
    helper.set_model_props(model, {"language": "English", "comment": "piper"})
    return model


def _declared_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    return onnx.shape_inference.infer_shapes(model)


def _no_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    for entry in (*model.graph.input, *model.graph.output):
        entry.type.tensor_type.ClearField("shape")
    return model


def _odd_dimensions(model: onnx.ModelProto) -> onnx.ModelProto:
    for entry in (*model.graph.input, *model.graph.output):
        for number, dim in enumerate(entry.type.tensor_type.shape.dim):
            if dim.dim_param:
                dim.dim_param = ("", "N", "unk__0", "a dimension + 1")[number]
    return model


def _fixed_batch(model: onnx.ModelProto) -> onnx.ModelProto:
    for entry in (*model.graph.input, *model.graph.output):
        if entry.type.tensor_type.shape.dim[0].dim_param:
            entry.type.tensor_type.shape.dim[0].dim_value = 1
    return model


def _sparse_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    kept = []
    for tensor in model.graph.initializer:
        if len(tensor.dims) != 3:
            kept.append(tensor)
            continue
        values = numpy_helper.to_array(tensor).reshape(-1)
        places = np.flatnonzero(values).astype(np.int64)
        model.graph.sparse_initializer.append(
            helper.make_sparse_tensor(
                numpy_helper.from_array(values[places], tensor.name), numpy_helper.from_array(places), tensor.dims
            )
        )
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    return model


def _double_output(model: onnx.ModelProto) -> onnx.ModelProto:
    (output,) = model.graph.output
    model.graph.node[-1].output[0] = "single"
    model.graph.node.append(helper.make_node("Cast", ["single"], [output.name], to=TensorProto.DOUBLE))
    output.type.tensor_type.elem_type = TensorProto.DOUBLE
    return model


def _newer_opset(version: int) -> Form:
    return lambda model: version_converter.convert_version(model, version)


def _older_opset(version: int) -> Form:
    """With axes as attributes; what else differs is not in a voice's graph."""

    def older(model: onnx.ModelProto) -> onnx.ModelProto:
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        places = {"Unsqueeze": "axes", "Squeeze": "axes", "ReduceSum": "axes", "Split": "split"}
        for node in model.graph.node:
            kept = [entry for entry in node.attribute if entry.name != "allowzero"]
            del node.attribute[:]
            node.attribute.extend(kept)
            if version < 13 and node.op_type in places and len(node.input) > 1:
                name = node.input.pop()
                node.attribute.append(helper.make_attribute(places[node.op_type], constants[name].tolist()))
        model.opset_import[0].version = version
        return model

    return older


def _functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """As newer exporters call what they compose: by functions of another domain."""
    domain = "pkg.exporter"
    body = [helper.make_node("LeakyRelu", ["x"], ["y"], alpha=0.1)]
    standard = helper.make_opsetid("", model.opset_import[0].version)
    model.functions.append(helper.make_function(domain, "leaky", ["x"], ["y"], body, [standard]))
    model.opset_import.append(helper.make_opsetid(domain, 1))
    for node in model.graph.node:
        if node.op_type == "LeakyRelu" and abs(node.attribute[0].f - 0.1) < 1e-6:
            del node.attribute[:]
            node.op_type, node.domain = "leaky", domain
    return model


def _spelled_out_domain(model: onnx.ModelProto) -> onnx.ModelProto:
    model.opset_import[0].domain = "ai.onnx"
    for node in model.graph.node:
        node.domain = "ai.onnx"
    return model


def _idle_imports(model: onnx.ModelProto) -> onnx.ModelProto:
    domains = "ai.onnx.ml", "com.microsoft.nchwc", "org.pytorch.aten", "pkg.onnxscript.torch_lib.common"
    model.opset_import.extend(helper.make_opsetid(domain, 1) for domain in domains)
    return model


def _disorder(model: onnx.ModelProto) -> onnx.ModelProto:
    """The nodes backwards, which the standard forbids and ONNX Runtime takes."""
    return _with_nodes(model, list(model.graph.node)[::-1])


def _with_nodes(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> onnx.ModelProto:
    copies = []
    for node in nodes:
        copies.append(onnx.NodeProto())
        copies[-1].CopyFrom(node)
    del model.graph.node[:]
    model.graph.node.extend(copies)
    return model


EXACT: dict[str, Form] = {
    "weights as inputs": _weights_as_inputs,
    "IR version 3": _ir_version_3,
    "saved at the basic level": _saved_at(Level.ORT_ENABLE_BASIC),
    "saved at the extended level": _saved_at(Level.ORT_ENABLE_EXTENDED),
    "saved at the highest level": _saved_at(Level.ORT_ENABLE_ALL),
    "constant nodes": _constant_nodes,
    "constant numbers": _constant_numbers,
    "identity nodes": _identity_nodes,
    "numbered names": _renamed(str),
    "names of our rewrites": _renamed("/attention_0/{}".format),
    "notes": _notes,
    "declared shapes": _declared_shapes,
    "no shapes": _no_shapes,
    "odd dimensions": _odd_dimensions,
    "fixed batch": _fixed_batch,
    "sparse weights": _sparse_weights,
    "double output": _double_output,
    "opset 12": _older_opset(12),
    "opset 13": _older_opset(13),
    "opset 18": _newer_opset(18),
    "opset 21": _newer_opset(21),
    "functions": _functions,
    "a spelled-out domain": _spelled_out_domain,
    "idle imports": _idle_imports,
    "nodes in disorder": _disorder,
}
"""Forms with the numbers of the original."""

ROUNDED: dict[str, Form] = {
    "fp16 weights": _weights_stored_as(np.float16),
    "bfloat16 weights": _weights_stored_as(ml_dtypes.bfloat16),
    "half precision": _half_precision,
}
"""Forms with rounded numbers."""
