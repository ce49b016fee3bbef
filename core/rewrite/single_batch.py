"""Fixes the batch size of a rewritten voice at one sentence."""

import onnx


def fix_batch(graph: onnx.GraphProto) -> None:
    """What was rewritten takes one sentence: the graph says so, and ONNX Runtime refuses more with an error."""
    for entry in graph.input:
        if entry.name in ("input", "input_lengths", "sid"):
            entry.type.tensor_type.shape.dim[0].dim_value = 1
    for entry in graph.output:
        if entry.type.tensor_type.shape.dim:
            entry.type.tensor_type.shape.dim[0].dim_value = 1
