"""Rewriting the self-attention of a VITS text encoder: the same function in a quarter of the operators, with less work.

The attention weighs neighbours within a window by embeddings of their relative position (P. Shaw, J. Uszkoreit, A. Vaswani,
"Self-Attention with Relative Position Representations", 2018). The export pads the embeddings with zeros to all
2 * samples - 1 positions, and multiplies by the zeros, too. Here only those inside the window are multiplied, and moved to
the diagonals by the same shearing of a padded matrix.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from core.graph.builder import GraphBuilder
from core.graph.errors import UnsupportedGraph
from core.graph.index import GraphIndex
from core.graph.subgraph import Subgraph, require_opset, rewrite_subgraphs
from core.seed import SEED
from core.vits.convolution import Weights
from core.vits.voice_graph import VoiceGraph

# The score that VITS assigns to masked positions.
_MASKED_SCORE = -1e4
# Samples: shorter than the window, as long, and longer.
_EXAMPLE_LENGTHS = (1, 2, 4, 5, 6, 41)


@dataclass(frozen=True)
class Attention:
    """The tensors and embeddings of an attention. Queries, keys, values and output are [batch, heads * size, samples]."""

    queries: str
    keys: str
    values: str
    masked: str
    """Booleans, broadcastable to [batch, heads, samples, samples]."""
    output: str
    key_embeddings: Weights
    value_embeddings: Weights
    """Embeddings of relative positions, [1 or heads, 2 * window + 1, size]."""
    heads: int

    @property
    def size(self) -> int:
        """Return the channels of each head."""
        return int(self.key_embeddings.shape[2])

    @property
    def window(self) -> int:
        """Return how many neighbours on either side have an embedding."""
        return int(self.key_embeddings.shape[1]) // 2

    @property
    def subgraph(self) -> Subgraph:
        """Return the subgraph with random examples."""
        return Subgraph([self._example(samples) for samples in _EXAMPLE_LENGTHS], self.output)

    def _example(self, samples: int) -> dict[str, npt.NDArray[Any]]:
        random = np.random.default_rng(SEED)
        floats = {
            name: random.normal(0, 1, (1, self.heads * self.size, samples)).astype(np.float32)
            for name in (self.queries, self.keys, self.values)
        }
        return {**floats, self.masked: random.random((1, 1, samples, samples)) < 0.1}


def rewrite_attentions(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[Subgraph]]:
    """Return a copy of the model with the text encoder's attentions rewritten, and their subgraphs.

    Raises UnsupportedGraph.
    """
    require_opset(model)
    return rewrite_subgraphs(model, "/attention", find_attentions(VoiceGraph(model)), write_attention)


def find_attentions(voice: VoiceGraph) -> list[Attention]:
    """Find every attention of the text encoder by its Softmax. Raises UnsupportedGraph."""
    index, topology = voice.index, voice.topology
    if topology is None:
        raise UnsupportedGraph(voice.unsupported)
    softmaxes = [position for position in index.of_type("Softmax") if position in topology.text.positions]
    return [_attention(index, position) for position in softmaxes]


def _attention(index: GraphIndex, softmax: int) -> Attention:
    masking = _producer(index, index.nodes[softmax].input[0], "Where")
    added = _producer(index, masking.input[2], "Add")
    sources = [_convolved(index, tensor) for tensor in added.input]
    following = index.descendants([softmax]).intersection(index.of_type("Conv"))
    if not following:
        raise UnsupportedGraph("an attention that is not followed by a convolution")
    output = index.nodes[min(following)].input[0]
    queries = sources[0] & sources[1]
    keys = (sources[0] | sources[1]) - queries
    values = _convolved(index, output) - queries - keys
    if not len(queries) == len(keys) == len(values) == 1:
        raise UnsupportedGraph("an attention whose queries, keys and values are not one convolution each")
    key_names = _embeddings(index, masking.output[0])
    value_names = [name for name in _embeddings(index, output) if name not in key_names]
    if not len(key_names) == len(value_names) == 1:
        raise UnsupportedGraph("an attention without embeddings of relative positions")
    embeddings = [numpy_helper.to_array(index.initializers[name]) for name in (*key_names, *value_names)]
    convolution = index.nodes[index.producer[_only(queries)]]
    weight = index.initializers.get(convolution.input[1])
    if weight is None:
        raise UnsupportedGraph("an attention whose weights are not constant")
    return Attention(
        queries=_only(queries),
        keys=_only(keys),
        values=_only(values),
        masked=masking.input[0],
        output=output,
        key_embeddings=embeddings[0],
        value_embeddings=embeddings[1],
        heads=weight.dims[0] // embeddings[0].shape[2],
    )


def _only(names: set[str]) -> str:
    (name,) = names
    return name


def _producer(index: GraphIndex, tensor: str, op_type: str) -> onnx.NodeProto:
    node = index.nodes[index.producer[tensor]] if tensor in index.producer else None
    if node is None or node.op_type != op_type:
        raise UnsupportedGraph("an attention without a mask, or without scores of relative positions")
    return node


def _upstream(index: GraphIndex, tensor: str) -> list[onnx.NodeProto]:
    """Return the nodes upstream of a tensor, up to convolutions, without those of which only the shape is read."""
    found: dict[int, onnx.NodeProto] = {}
    pending = [tensor]
    while pending:
        position = index.producer.get(pending.pop())
        if position is None or position in found:
            continue
        node = index.nodes[position]
        if node.op_type != "Shape":
            found[position] = node
            if node.op_type != "Conv":
                pending += node.input
    return list(found.values())


def _convolved(index: GraphIndex, tensor: str) -> set[str]:
    """Return the outputs of the nearest convolutions upstream."""
    return {node.output[0] for node in _upstream(index, tensor) if node.op_type == "Conv"}


def _embeddings(index: GraphIndex, tensor: str) -> list[str]:
    """Return the weights that are padded between the nearest convolutions and a tensor."""
    return [
        node.input[0]
        for node in _upstream(index, tensor)
        if node.op_type == "Pad" and node.input[0] in index.initializers
    ]


def write_attention(b: GraphBuilder, attention: Attention) -> None:
    """Write an attention, with its heads side by side as in the original."""
    heads, size = attention.heads, attention.size

    def split(tensor: str) -> str:
        return b.op("Reshape", tensor, b.integers(0, heads, size, -1))

    def transposed(tensor: str) -> str:
        return b.op("Transpose", tensor, perm=[0, 1, 3, 2])

    scale = b.constant(np.float32(1 / math.sqrt(size)))
    queries = b.op("Mul", transposed(split(attention.queries)), scale)
    samples = b.op("Slice", b.op("Shape", attention.queries), b.integers(2), b.integers(3))
    near = b.op("MatMul", queries, b.constant(attention.key_embeddings.transpose(0, 2, 1)))
    scores = b.op(
        "Add", b.op("MatMul", queries, split(attention.keys)), _to_diagonals(b, near, samples, attention.window)
    )
    scores = b.op("Where", attention.masked, b.constant(np.float32(_MASKED_SCORE)), scores)
    shares = b.op("Softmax", scores, axis=-1)
    near = _from_diagonals(b, shares, samples, attention.window)
    y = b.op(
        "Add",
        b.op("MatMul", shares, transposed(split(attention.values))),
        b.op("MatMul", near, b.constant(attention.value_embeddings)),
    )
    b.op("Reshape", transposed(y), b.integers(0, heads * size, -1), output=attention.output)


def _to_diagonals(b: GraphBuilder, near: str, samples: str, window: int) -> str:
    """Move [batch, heads, samples, 2 * window + 1] to the diagonals around the main one, [batch, heads, samples, samples].

    Rows are padded by `samples`, flattened and cut into rows that are shorter by one: each starts one sample later.
    """
    padded = b.op("Pad", near, b.op("Concat", b.integers(*[0] * 7), samples, axis=0))
    flat = b.op("Reshape", padded, b.integers(0, 0, -1))
    flat = b.op("Slice", flat, b.integers(0), b.op("Neg", samples), b.integers(2))
    rows = b.op("Reshape", flat, b.op("Concat", b.integers(0, 0), samples, b.integers(-1), axis=0))
    return b.op("Slice", rows, b.integers(window), b.integers(-window), b.integers(3))


def _from_diagonals(b: GraphBuilder, x: str, samples: str, window: int) -> str:
    """Do the reverse of `_to_diagonals`."""
    padded = b.op("Pad", x, b.integers(0, 0, 0, window, 0, 0, 0, window))
    flat = b.op("Reshape", padded, b.integers(0, 0, -1))
    flat = b.op("Pad", flat, b.op("Concat", b.integers(*[0] * 5), samples, axis=0))
    rows = b.op("Reshape", flat, b.op("Concat", b.integers(0, 0), samples, b.integers(-1), axis=0))
    return b.op("Slice", rows, b.integers(0), b.integers(2 * window + 1), b.integers(3))
