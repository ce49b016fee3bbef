"""Sparse initializers as dense ones."""

import math

import numpy as np
import onnx
from onnx import numpy_helper


def to_dense(graph: onnx.GraphProto) -> None:
    """Replace the sparse initializers of a graph by dense ones of the same names and values."""
    for sparse in graph.sparse_initializer:
        values, indices = numpy_helper.to_array(sparse.values), numpy_helper.to_array(sparse.indices)
        dense = np.zeros(math.prod(sparse.dims), values.dtype)
        # Positions are given in the flattened tensor, or as coordinates, [values, rank].
        flat = indices if indices.ndim == 1 else np.ravel_multi_index(tuple(indices.T), tuple(sparse.dims))
        dense[flat] = values
        graph.initializer.append(numpy_helper.from_array(dense.reshape(sparse.dims), sparse.values.name))
    del graph.sparse_initializer[:]
