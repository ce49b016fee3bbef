"""Rewrites the self-attention of a VITS text encoder: the same function in a quarter of the operators, and of less work.

It looks at neighbours within a window by embeddings of their relative position (P. Shaw, J. Uszkoreit, A. Vaswani,
"Self-Attention with Relative Position Representations", 2018). Its export pads the embeddings with zeros to all
2 * samples - 1 positions and multiplies with them, too. Here only those inside the window are multiplied, and laid onto the
diagonals by the same shearing of a padded matrix.
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
from core.graph.subgraph import Piece, check_opset, rewrite_pieces
from core.seed import SEED
from core.vits.convolution import Weights
from core.vits.voice_graph import VoiceGraph

# What VITS puts in the place of the scores that its mask forbids.
_FORBIDDEN = -1e4
# Shorter than the window, as long, longer.
_EXAMPLES = (1, 2, 4, 5, 6, 41)


@dataclass(frozen=True)
class Attention:
    """Where an attention stands: queries, keys and values are [batch, heads * size, samples], and so is what it gives."""

    queries: str
    keys: str
    values: str
    forbidden: str
    """Booleans that can be broadcast to [batch, heads, samples, samples]."""
    gives: str
    near_keys: Weights
    near_values: Weights
    """Embeddings of the relative positions, [1 or heads, 2 * window + 1, size]."""
    heads: int

    @property
    def size(self) -> int:
        return int(self.near_keys.shape[2])

    @property
    def window(self) -> int:
        return int(self.near_keys.shape[1]) // 2

    @property
    def piece(self) -> Piece:
        return Piece([self._example(samples) for samples in _EXAMPLES], self.gives)

    def _example(self, samples: int) -> dict[str, npt.NDArray[Any]]:
        random = np.random.default_rng(SEED)
        floats = {
            name: random.normal(0, 1, (1, self.heads * self.size, samples)).astype(np.float32)
            for name in (self.queries, self.keys, self.values)
        }
        return {**floats, self.forbidden: random.random((1, 1, samples, samples)) < 0.1}


def rewrite_attentions(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[Piece]]:
    """The model with the text encoder's attentions rewritten, and the pieces that changed. Raises NotRecognised."""
    check_opset(model)
    return rewrite_pieces(model, "/attention", find_attentions(VoiceGraph(model)), write_attention)


def find_attentions(voice: VoiceGraph) -> list[Attention]:
    """Find every attention of the text encoder, by its one Softmax. Raises NotRecognised."""
    index, topology = voice.index, voice.topology
    if topology is None:
        raise UnsupportedGraph(voice.unsupported)
    softmaxes = [position for position in index.of_type("Softmax") if position in topology.text.positions]
    return [_attention(index, position) for position in softmaxes]


def _attention(index: GraphIndex, softmax: int) -> Attention:
    masking = _maker(index, index.nodes[softmax].input[0], "Where")
    added = _maker(index, masking.input[2], "Add")
    ways = [_convolved(index, tensor) for tensor in added.input]
    following = index.descendants([softmax]).intersection(index.of_type("Conv"))
    if not following:
        raise UnsupportedGraph("an attention that leads to no convolution")
    gives = index.nodes[min(following)].input[0]
    queries = ways[0] & ways[1]
    keys = (ways[0] | ways[1]) - queries
    values = _convolved(index, gives) - queries - keys
    if not len(queries) == len(keys) == len(values) == 1:
        raise UnsupportedGraph("an attention whose queries, keys and values are not a convolution each")
    near_keys = _embeddings(index, masking.output[0])
    near_values = [name for name in _embeddings(index, gives) if name not in near_keys]
    if not len(near_keys) == len(near_values) == 1:
        raise UnsupportedGraph("an attention without embeddings of relative positions")
    near = [numpy_helper.to_array(index.initializers[name]) for name in (*near_keys, *near_values)]
    convolution = index.nodes[index.producer[_only(queries)]]
    return Attention(
        queries=_only(queries),
        keys=_only(keys),
        values=_only(values),
        forbidden=masking.input[0],
        gives=gives,
        near_keys=near[0],
        near_values=near[1],
        heads=index.initializers[convolution.input[1]].dims[0] // near[0].shape[2],
    )


def _only(names: set[str]) -> str:
    (name,) = names
    return name


def _maker(index: GraphIndex, tensor: str, op_type: str) -> onnx.NodeProto:
    node = index.nodes[index.producer[tensor]] if tensor in index.producer else None
    if node is None or node.op_type != op_type:
        raise UnsupportedGraph("an attention without a mask, or without scores of relative positions")
    return node


def _leading_to(index: GraphIndex, tensor: str) -> list[onnx.NodeProto]:
    """The nodes that lead to a tensor, up to convolutions; what only a shape is read of does not count."""
    found: dict[int, onnx.NodeProto] = {}
    left = [tensor]
    while left:
        position = index.producer.get(left.pop())
        if position is None or position in found:
            continue
        node = index.nodes[position]
        if node.op_type != "Shape":
            found[position] = node
            left += [] if node.op_type == "Conv" else node.input
    return list(found.values())


def _convolved(index: GraphIndex, tensor: str) -> set[str]:
    """The outputs of the nearest convolutions up the stream."""
    return {node.output[0] for node in _leading_to(index, tensor) if node.op_type == "Conv"}


def _embeddings(index: GraphIndex, tensor: str) -> list[str]:
    """Weights that are padded on the way from the nearest convolutions to a tensor."""
    return [
        node.input[0]
        for node in _leading_to(index, tensor)
        if node.op_type == "Pad" and node.input[0] in index.initializers
    ]


def write_attention(b: GraphBuilder, attention: Attention) -> None:
    """One head beside the other, as in the original."""
    heads, size = attention.heads, attention.size

    def split(tensor: str) -> str:
        return b.op("Reshape", tensor, b.integers(0, heads, size, -1))

    def turned(tensor: str) -> str:
        return b.op("Transpose", tensor, perm=[0, 1, 3, 2])

    scale = b.constant(np.float32(1 / math.sqrt(size)))
    queries = b.op("Mul", turned(split(attention.queries)), scale)
    samples = b.op("Slice", b.op("Shape", attention.queries), b.integers(2), b.integers(3))
    near = b.op("MatMul", queries, b.constant(attention.near_keys.transpose(0, 2, 1)))
    scores = b.op(
        "Add", b.op("MatMul", queries, split(attention.keys)), _to_diagonals(b, near, samples, attention.window)
    )
    scores = b.op("Where", attention.forbidden, b.constant(np.float32(_FORBIDDEN)), scores)
    shares = b.op("Softmax", scores, axis=-1)
    near = _from_diagonals(b, shares, samples, attention.window)
    y = b.op(
        "Add",
        b.op("MatMul", shares, turned(split(attention.values))),
        b.op("MatMul", near, b.constant(attention.near_values)),
    )
    b.op("Reshape", turned(y), b.integers(0, heads * size, -1), output=attention.gives)


def _to_diagonals(b: GraphBuilder, near: str, samples: str, window: int) -> str:
    """[batch, heads, samples, 2 * window + 1] as the diagonals around the main one, [batch, heads, samples, samples].

    Rows made longer by `samples`, laid end to end and cut into rows that are shorter by one: each starts one later.
    """
    padded = b.op("Pad", near, b.op("Concat", b.integers(*[0] * 7), samples, axis=0))
    flat = b.op("Reshape", padded, b.integers(0, 0, -1))
    flat = b.op("Slice", flat, b.integers(0), b.op("Neg", samples), b.integers(2))
    rows = b.op("Reshape", flat, b.op("Concat", b.integers(0, 0), samples, b.integers(-1), axis=0))
    return b.op("Slice", rows, b.integers(window), b.integers(-window), b.integers(3))


def _from_diagonals(b: GraphBuilder, x: str, samples: str, window: int) -> str:
    """The way back."""
    padded = b.op("Pad", x, b.integers(0, 0, 0, window, 0, 0, 0, window))
    flat = b.op("Reshape", padded, b.integers(0, 0, -1))
    flat = b.op("Pad", flat, b.op("Concat", b.integers(*[0] * 5), samples, axis=0))
    rows = b.op("Reshape", flat, b.op("Concat", b.integers(0, 0), samples, b.integers(-1), axis=0))
    return b.op("Slice", rows, b.integers(0), b.integers(2 * window + 1), b.integers(3))
