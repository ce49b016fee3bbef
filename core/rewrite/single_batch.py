"""The batch size of a rewritten voice."""

import onnx


def fix_batch(graph: onnx.GraphProto) -> None:
    """Declare a batch size of one, so that ONNX Runtime refuses larger batches, which rewritten graphs cannot compute."""
    for entry in graph.input:
        if entry.name in ("input", "input_lengths", "sid") and entry.type.tensor_type.shape.dim:
            entry.type.tensor_type.shape.dim[0].dim_value = 1
    for entry in graph.output:
        if entry.type.tensor_type.shape.dim:
            entry.type.tensor_type.shape.dim[0].dim_value = 1
