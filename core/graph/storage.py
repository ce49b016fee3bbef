"""Stores weights in fewer bits than they are computed in."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Smaller ones are left alone: a cast costs more bytes than it saves.
_FEWEST_VALUES = 1024
_SUFFIX = "/half"


def store_as_half(graph: onnx.GraphProto) -> int:
    """Keep the fp32 weights as fp16; returns how many.

    Each is cast back in front of its readers, which ONNX Runtime does once, when it loads the model.
    """
    casts, kept = [], []
    for tensor in graph.initializer:
        half = _as_half(tensor)
        if half is None:
            kept.append(tensor)
            continue
        kept.append(numpy_helper.from_array(half, tensor.name + _SUFFIX))
        casts.append(helper.make_node("Cast", [tensor.name + _SUFFIX], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    for entries, new in ((graph.initializer, kept), (graph.node, nodes)):
        del entries[:]
        entries.extend(new)
    return len(casts)


def _as_half(tensor: onnx.TensorProto) -> "np.ndarray[tuple[int, ...], np.dtype[np.float16]] | None":
    """None for what is not fp32, small, or beyond what fp16 can hold."""
    if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _FEWEST_VALUES:
        return None
    values = numpy_helper.to_array(tensor)
    return values.astype(np.float16) if np.abs(values).max() <= np.finfo(np.float16).max else None
