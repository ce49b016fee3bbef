"""Rewriting the splines of a VITS duration predictor: the same function in a fifth of the operators.

The predictor's flows end in a monotonic rational-quadratic spline (C. Durkan, A. Bekasov, I. Murray, G. Papamakarios,
"Neural Spline Flows", 2019). The export selects the values inside the spline's interval by index, and scatters every
boundary: some 290 operators for each of three splines, a third of the whole graph, most of which only compute shapes. Here
all values go through the spline, and those outside the interval are then replaced by the input.
"""

import math
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from core.graph.builder import GraphBuilder
from core.graph.errors import UnsupportedGraph
from core.graph.index import GraphIndex
from core.graph.subgraph import Subgraph, require_opset, rewrite_subgraphs
from core.seed import SEED

# The minimum width, height and slope of a bin in VITS.
_MINIMUM = 1e-3


@dataclass(frozen=True)
class Spline:
    """The tensors and numbers of a spline."""

    x: str
    """[batch, 1, samples], like the output."""
    shape: str
    """Widths, heights and slopes, [batch, 1, samples, 3 * bins - 1]."""
    output: str
    bins: int
    scale: float
    """The divisor of widths and heights before their softmax."""
    bound: float
    """Values outside ±bound do not change."""

    @property
    def subgraph(self) -> Subgraph:
        """Return the subgraph with random examples."""
        random = np.random.default_rng(SEED)
        x = random.uniform(-1.5 * self.bound, 1.5 * self.bound, (1, 1, 500)).astype(np.float32)
        shape = random.normal(0, 3, (1, 1, 500, 3 * self.bins - 1)).astype(np.float32)
        return Subgraph([{self.x: x, self.shape: shape}], self.output)


def rewrite_splines(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[Subgraph]]:
    """Return a copy of the model with its splines rewritten, and their subgraphs. Raises UnsupportedGraph."""
    require_opset(model)
    return rewrite_subgraphs(model, "/spline", find_splines(model.graph), write_spline)


def find_splines(graph: onnx.GraphProto) -> list[Spline]:
    """Find every spline of the graph by its Softplus. Raises UnsupportedGraph."""
    index = GraphIndex(graph)
    return [_spline(index, position) for position in index.of_type("Softplus")]


def _spline(index: GraphIndex, softplus: int) -> Spline:
    upstream, downstream = index.ancestors([softplus]), index.descendants([softplus])
    comparisons = [p for p in index.of_type("LessOrEqual") if p in upstream]
    if not comparisons:
        raise UnsupportedGraph("a spline without a comparison with its interval")
    # The nearest one: the comparisons of earlier splines are upstream, too.
    comparison = index.nodes[max(comparisons)]
    x, bound = comparison.input[0], _number(index, comparison.input[1])
    ends = [p for p in index.of_type("Concat") if p in downstream and index.nodes[p].input[0] == _first_half(index, x)]
    if len(ends) != 1:
        raise UnsupportedGraph("a spline whose two halves are not joined")
    divisions = [
        node
        for node in (index.nodes[p] for p in index.of_type("Div"))
        if node.input[0] in index.producer and node.input[1] in index.initializers
    ]
    # Those of earlier splines, and of what the spline's noise has the size of, are upstream of the comparison.
    own = upstream - index.ancestors([max(comparisons)])
    transposes = [p for p in index.of_type("Transpose") if p in own]
    shapes = [
        (index.nodes[p].output[0], node)
        for p in transposes
        for consumer in index.consumers[index.nodes[p].output[0]]
        for node in divisions
        # A part of the shape, cut out alone or together with the others.
        if node.input[0] in index.nodes[consumer].output and index.nodes[consumer].op_type in ("Slice", "Split")
    ]
    if not shapes:
        raise UnsupportedGraph("a spline whose widths are not scaled")
    shape, division = shapes[0]
    return Spline(
        x=x,
        shape=shape,
        output=index.nodes[ends[0]].input[1],
        bins=_bins(index, shape),
        scale=_number(index, division.input[1]),
        bound=bound,
    )


def _first_half(index: GraphIndex, x: str) -> str:
    """Return the first half of the split whose second half is `x`."""
    split = index.nodes[index.producer[x]] if x in index.producer else None
    if split is None or split.op_type != "Split" or list(split.output[1:]) != [x]:
        raise UnsupportedGraph("a spline that does not read the second half of a split")
    return str(split.output[0])


def _bins(index: GraphIndex, shape: str) -> int:
    """Return the number of bins, from the convolution upstream of the shape: it has 3 * bins - 1 channels."""
    position = index.producer[shape]
    while index.nodes[position].op_type != "Conv":
        tensor = index.nodes[position].input[0]
        if tensor not in index.producer:
            raise UnsupportedGraph("a spline whose shape does not come from a convolution")
        position = index.producer[tensor]
    weight = index.initializers.get(index.nodes[position].input[1])
    channels = weight.dims[0] if weight is not None else 0
    if channels < 5 or (channels + 1) % 3:
        raise UnsupportedGraph("a spline whose shape has an unexpected number of channels")
    return int(channels + 1) // 3


def _number(index: GraphIndex, name: str) -> float:
    tensor = index.initializers.get(name)
    if tensor is None or math.prod(tensor.dims) != 1:
        raise UnsupportedGraph("a spline with a number that is not constant")
    return float(numpy_helper.to_array(tensor).reshape(-1)[0])


def write_spline(b: GraphBuilder, spline: Spline) -> None:
    """Write the inverse of a spline: `x` is a height."""
    n, last, bound = spline.bins, b.integers(3), spline.bound

    def number(value: float) -> str:
        return b.constant(np.float32(value))

    def part(begin: int, end: int, tensor: str = spline.shape) -> str:
        return b.op("Slice", tensor, b.integers(begin), b.integers(end), last)

    # Widths and heights, [batch, 1, samples, 2, bins], and where each bin begins.
    sizes = b.op("Reshape", b.op("Div", part(0, 2 * n), number(spline.scale)), b.integers(0, 0, 0, 2, n))
    sizes = b.op("Mul", b.op("Softmax", sizes, axis=-1), number(1 - _MINIMUM * n))
    sizes = b.op("Mul", b.op("Add", sizes, number(_MINIMUM)), number(2 * bound))
    begins = b.op("Sub", b.op("CumSum", sizes, b.constant(np.int64(4)), exclusive=1), number(bound))
    # Slopes at both ends of each bin; outside the interval the slope is 1.
    inner = b.op("Add", b.op("Softplus", part(2 * n, 3 * n - 1)), number(_MINIMUM))
    slopes = b.op("Pad", inner, b.integers(0, 0, 0, 1, 0, 0, 0, 1), number(1))
    sides = [b.op("Unsqueeze", part(begin, begin + n, slopes), last) for begin in (0, 1)]
    # Select the bin that x is in.
    bottoms = b.op("Squeeze", b.op("Slice", begins, b.integers(1), b.integers(2), last), last)
    reached = b.op("Cast", b.op("GreaterOrEqual", b.op("Unsqueeze", spline.x, last), bottoms), to=TensorProto.INT64)
    is_bin = b.op("Equal", b.op("ReduceSum", reached, last), b.constant(np.arange(1, n + 1)))
    chosen = b.op("Unsqueeze", b.op("Cast", is_bin, to=TensorProto.FLOAT), last)
    all_bins = b.op("Concat", begins, sizes, *sides, axis=3)
    selected = b.op("ReduceSum", b.op("Mul", all_bins, chosen), b.integers(4), keepdims=0)
    left, bottom, width, height, before, after = b.ops("Split", 6, selected, b.integers(*[1] * 6), axis=3)

    above = b.op("Sub", b.op("Unsqueeze", spline.x, last), bottom)
    slope = b.op("Div", height, width)
    bend = b.op("Mul", above, b.op("Sub", b.op("Add", before, after), b.op("Mul", slope, number(2))))
    square = b.op("Add", bend, b.op("Mul", height, b.op("Sub", slope, before)))
    linear = b.op("Sub", b.op("Mul", height, before), bend)
    constant = b.op("Neg", b.op("Mul", slope, above))
    product = b.op("Mul", b.op("Mul", square, constant), number(4))
    root = b.op("Sqrt", b.op("Sub", b.op("Mul", linear, linear), product))
    share = b.op("Div", b.op("Mul", constant, number(2)), b.op("Sub", b.op("Neg", linear), root))
    y = b.op("Squeeze", b.op("Add", b.op("Mul", share, width), left), last)
    inside = b.op("LessOrEqual", b.op("Abs", spline.x), number(bound))
    b.op("Where", inside, y, spline.x, output=spline.output)
