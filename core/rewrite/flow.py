"""Rewriting the flow of a voice with its channels last, [1, samples, channels], as int8 convolutions compute.

The export has them first, so that every rewritten convolution had to be transposed twice: a quarter of the flow's time. The
layout changes only once now, before and behind the flow. Zeros that are added and ones that are multiplied by, which the
export makes of shapes, are left out.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from core.graph.builder import GraphBuilder
from core.graph.errors import UnsupportedGraph
from core.graph.index import GraphIndex, attributes_of, inputs_of
from core.graph.subgraph import Subgraph, require_opset, splice
from core.rewrite.channels_last import as_matrix
from core.rewrite.inplace_convolutions import WriteConvolution
from core.rewrite.stage import unfold
from core.seed import SEED
from core.vits.convolution import Convolution, plain_convolution
from core.vits.voice_graph import VoiceGraph

_EXAMPLE_LENGTHS = (1, 2, 5, 41)
_UNARY: dict[str, Callable[[float], float]] = {
    "Tanh": np.tanh,
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Exp": np.exp,
    "Neg": np.negative,
}
# The second operand that changes nothing.
_NEUTRAL = {"Add": 0.0, "Sub": 0.0, "Mul": 1.0, "Div": 1.0}
_COMMUTATIVE = ("Add", "Mul")


@dataclass(frozen=True)
class Flow:
    """The nodes of a flow, and the tensors that it reads: the latent, a mask, projections of the speaker."""

    positions: tuple[int, ...]
    """Of its nodes, in the order of the graph."""
    inputs: dict[str, tuple[int | None, ...]]
    """The shapes of what it reads, [1, channels, samples]; None for a length that varies. The latent is the first."""
    output: str

    @property
    def subgraph(self) -> Subgraph:
        """Return the subgraph with random examples."""
        return Subgraph([self._example(samples) for samples in _EXAMPLE_LENGTHS], self.output)

    def _example(self, samples: int) -> dict[str, npt.NDArray[np.float32]]:
        random = np.random.default_rng(SEED)
        return {
            name: random.uniform(-1, 1, [samples if size is None else size for size in shape]).astype(np.float32)
            for name, shape in self.inputs.items()
        }


def find_flow(voice: VoiceGraph) -> Flow:
    """Find the nodes between the latent and the decoder. Raises UnsupportedGraph."""
    require_opset(voice.model)
    index, topology = voice.index, voice.topology
    if topology is None:
        raise UnsupportedGraph(voice.unsupported)
    inside = topology.flow.positions & index.descendants(index.consumers[topology.latent])
    read = [name for position in sorted(inside) for name in inputs_of(index.nodes[position])]
    entering = [name for name in read if name not in index.initializers and index.producer.get(name, -1) not in inside]
    shapes = _shapes(voice.model)
    others = [name for name in dict.fromkeys(entering) if name != topology.latent]
    inputs: dict[str, tuple[int | None, ...]] = {topology.latent: (1, _channels(index, topology.decoder_input), None)}
    inputs |= {name: _three_axes(shapes.get(name), name) for name in others}
    return Flow(tuple(sorted(inside)), inputs, topology.decoder_input)


def _channels(index: GraphIndex, decoder_input: str) -> int:
    """Return the channels of the flow's input and output, as the first convolution of the decoder has them.

    Shape inference does not get this far in every file: it knows none of ONNX Runtime's own operators. Raises
    UnsupportedGraph.
    """
    readers = [index.nodes[position] for position in index.consumers[decoder_input]]
    plain = next(
        (plain for node in readers if node.op_type == "Conv" and (plain := plain_convolution(index, node))), None
    )
    if plain is None:
        raise UnsupportedGraph("no convolution reads the output of the flow")
    return int(plain[0].weight.shape[1])


def _shapes(model: onnx.ModelProto) -> dict[str, onnx.TensorShapeProto]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    entries = [*graph.value_info, *graph.input]
    return {entry.name: entry.type.tensor_type.shape for entry in entries if entry.type.tensor_type.HasField("shape")}


def _three_axes(shape: onnx.TensorShapeProto | None, name: str) -> tuple[int | None, ...]:
    """Return the sizes of a tensor's axes. Raises UnsupportedGraph if it does not have three, the second one known."""
    sizes = [dim.dim_value if dim.HasField("dim_value") else None for dim in shape.dim] if shape else []
    if len(sizes) != 3 or sizes[1] is None:
        raise UnsupportedGraph(f"a flow that reads {name}, whose shape is not [1, channels, samples]")
    return 1, *sizes[1:]


def rewrite_flow(
    voice: VoiceGraph, flow: Flow, write: WriteConvolution, positions: Collection[int] = ()
) -> onnx.ModelProto:
    """Return a copy of the model with the flow's channels last, and its convolutions at `positions` as written by `write`.

    Raises UnsupportedGraph.
    """
    builder = GraphBuilder("/flow_rows")
    writer = _Writer(builder, voice.index, flow)
    for position in flow.positions:
        writer.write(position, write if position in positions else convolve)
    writer.finish()
    model = onnx.ModelProto()
    model.CopyFrom(voice.model)
    splice(model.graph, list(flow.inputs), flow.output, builder)
    return model


def convolve(b: GraphBuilder, x: str, conv: Convolution, padding: int) -> str:
    """Write an fp32 convolution of [1, samples, in]."""
    unfolded = unfold(b, x, conv.taps, conv.dilation, padding, "") if conv.taps > 1 or padding else x
    y = b.op("MatMul", unfolded, b.constant(as_matrix(conv.weight)))
    return y if conv.bias is None else b.op("Add", y, b.constant(conv.bias))


class _Writer:
    """Writes nodes of [1, channels, samples] for [1, samples, channels]."""

    def __init__(self, builder: GraphBuilder, index: GraphIndex, flow: Flow) -> None:
        self._b, self._index, self._output = builder, index, flow.output
        self._rows = {name: self._transposed(name) for name in flow.inputs}
        """The names of the tensors with their channels last, by their names in the voice's graph."""
        self._shapes: set[str] = set()
        self._filled: dict[str, float] = {}
        """Tensors that are one number everywhere."""

    def write(self, position: int, write: WriteConvolution) -> None:
        """Write the node at a position, a convolution with `write`. Raises UnsupportedGraph."""
        node = self._index.nodes[position]
        match node.op_type:
            case "Shape":
                self._shapes.add(node.output[0])
            case "ConstantOfShape" if node.input[0] in self._shapes:
                value = attributes_of(node).get("value")
                self._filled[node.output[0]] = 0.0 if value is None else float(numpy_helper.to_array(value)[0])
            case "Conv" if plain := plain_convolution(self._index, node):
                self._rows[node.output[0]] = write(self._b, self._row(node.input[0]), *plain)
            case "Slice" if self._is_over_channels(node):
                _, starts, ends, _, *steps = node.input
                axis = self._b.integers(2)
                self._rows[node.output[0]] = self._b.op("Slice", self._row(node.input[0]), starts, ends, axis, *steps)
            case "Split" | "Concat" if attributes_of(node).get("axis", 0) in (1, -2):
                self._write_along_channels(node)
            case op if op in _UNARY:
                self._write_unary(node)
            case op if op in _NEUTRAL:
                self._write_binary(node)
            case op:
                raise UnsupportedGraph(f"{op} in the flow")

    def finish(self) -> None:
        """Write the flow's output, with its channels second again."""
        self._b.op("Transpose", self._row(self._output), perm=[0, 2, 1], output=self._output)

    def _transposed(self, name: str) -> str:
        return self._b.op("Transpose", name, perm=[0, 2, 1])

    def _row(self, name: str) -> str:
        if name not in self._rows:
            raise UnsupportedGraph(f"a flow that reads {name}, which is not [1, channels, samples]")
        return self._rows[name]

    def _is_over_channels(self, node: onnx.NodeProto) -> bool:
        if len(node.input) < 4 or any(name not in self._index.initializers for name in node.input[1:]):
            return False
        axes = numpy_helper.to_array(self._index.initializers[node.input[3]])
        return axes.tolist() in ([1], [-2])

    def _write_along_channels(self, node: onnx.NodeProto) -> None:
        attributes = {**attributes_of(node), "axis": 2}
        if node.op_type == "Split":
            x, *sizes = node.input
            parts = self._b.ops("Split", len(node.output), self._row(x), *sizes, **attributes)
        else:
            parts = [self._b.op("Concat", *map(self._row, node.input), **attributes)]
        self._rows.update(zip(node.output, parts, strict=True))

    def _write_unary(self, node: onnx.NodeProto) -> None:
        x, y = node.input[0], node.output[0]
        if x in self._filled:
            self._filled[y] = float(_UNARY[node.op_type](self._filled[x]))
        else:
            self._rows[y] = self._b.op(node.op_type, self._row(x))

    def _write_binary(self, node: onnx.NodeProto) -> None:
        x, other = node.input
        if x in self._filled and node.op_type in _COMMUTATIVE:
            x, other = other, x
        if self._filled.get(other) == _NEUTRAL[node.op_type]:
            self._rows[node.output[0]] = self._row(x)
        else:
            self._rows[node.output[0]] = self._b.op(node.op_type, self._operand(x), self._operand(other))

    def _operand(self, name: str) -> str:
        if name in self._filled:
            return self._b.constant(np.float32(self._filled[name]))
        if name not in self._index.initializers:
            return self._row(name)
        values = numpy_helper.to_array(self._index.initializers[name])
        if values.size != 1 and values.ndim != 3:
            raise UnsupportedGraph(f"a flow with a constant of {values.ndim} axes")
        return self._b.constant(values.transpose(0, 2, 1) if values.ndim == 3 else values)
