"""The rational-quadratic spline of the duration predictor, inverted (C. Durkan and others, "Neural Spline Flows").

The steps are those of the export, except for the detours by which torch writes single columns (ScatterND by ranges).
"""

import math
from dataclasses import dataclass

from tests.vits.builder import INT64, Builder
from tests.vits.layers import cut, size, vector

_BOUND = 5.0
_LEAST = 1e-3
# Its softplus is the slope 1 - _LEAST, which continues the spline with the identity outside.
_EDGE_SLOPE = math.log(math.exp(1 - _LEAST) - 1)


@dataclass(frozen=True)
class _Knots:
    """The edges of the bins along one axis and their widths, [points, bins + 1] and [points, bins]."""

    edges: str
    lengths: str


def inverse_spline(b: Builder, x: str, like: str, knots: str, bins: int, scale: float) -> str:
    """Apply the spline of `knots`, [batch, 3 bins - 1, phonemes], to `x`, [batch, 1, phonemes]."""
    sizes = b.op("Shape", like)
    batch, channels, length = (size(b, sizes, axis) for axis in range(3))
    knots = b.op("Reshape", knots, vector(b, batch, channels, b.ints(-1), length), allowzero=0)
    knots = b.op("Transpose", knots, perm=[0, 1, 3, 2])
    widths = b.op("Div", cut(b, knots, 0, bins, axis=3), b.float(scale))
    heights = b.op("Div", cut(b, knots, bins, 2 * bins, axis=3), b.float(scale))
    slopes = cut(b, knots, 2 * bins, None, axis=3)

    above = b.op("GreaterOrEqual", x, b.float(-_BOUND))
    inside = b.op("And", above, b.op("LessOrEqual", x, b.float(_BOUND)))
    where = b.op("Transpose", b.op("NonZero", inside), perm=[1, 0])
    points, widths, heights, slopes = (b.op("GatherND", entry, where) for entry in (x, widths, heights, slopes))
    bent = _bend(b, points, _knots(b, widths, bins), _knots(b, heights, bins), _slopes(b, slopes))
    return b.op("ScatterND", x, where, bent)


def _knots(b: Builder, raw: str, bins: int) -> _Knots:
    """Return bins that fill the range from -5 to 5, none of them empty."""
    shares = b.op("Mul", b.op("Softmax", raw, axis=-1), b.float(1 - _LEAST * bins))
    summed = b.op("CumSum", b.op("Add", shares, b.float(_LEAST)), b.int(-1))
    summed = b.op("Pad", summed, b.ints(0, 1, 0, 0), b.float(0.0), mode="constant")
    edges = b.op("Add", b.op("Mul", summed, b.float(2 * _BOUND)), b.float(-_BOUND))
    return _Knots(edges, b.op("Sub", cut(b, edges, 1, None), cut(b, edges, 0, -1)))


def _slopes(b: Builder, raw: str) -> str:
    padded = b.op("Pad", raw, b.ints(0, 1, 0, 1), b.float(_EDGE_SLOPE), mode="constant")
    return b.op("Add", b.op("Softplus", padded), b.float(_LEAST))


def _bend(b: Builder, points: str, x_knots: _Knots, y_knots: _Knots, slopes: str) -> str:
    """Solve the quadratic equation of the bin that contains each point."""
    column = b.op("Unsqueeze", points, b.ints(1))
    passed = b.op("Cast", b.op("GreaterOrEqual", column, cut(b, y_knots.edges, 0, -1)), to=INT64)
    place = b.op("Sub", b.op("ReduceSum", passed, b.ints(-1), keepdims=0), b.int(1))
    place = b.op("Unsqueeze", place, b.ints(1))

    def here(table: str) -> str:
        return b.op("Gather", b.op("GatherElements", table, place, axis=-1), b.int(0), axis=1)

    left, width, low, height = (
        here(table) for table in (x_knots.edges, x_knots.lengths, y_knots.edges, y_knots.lengths)
    )
    steepness = here(b.op("Div", y_knots.lengths, x_knots.lengths))
    slope, next_slope = here(slopes), here(cut(b, slopes, 1, None))

    up = b.op("Sub", points, low)
    curve = b.op("Sub", b.op("Add", slope, next_slope), b.op("Mul", steepness, b.float(2.0)))
    curved = b.op("Mul", up, curve)
    square = b.op("Add", curved, b.op("Mul", height, b.op("Sub", steepness, slope)))
    linear = b.op("Sub", b.op("Mul", height, slope), curved)
    constant = b.op("Mul", b.op("Neg", steepness), up)
    four = b.op("Mul", b.op("Mul", square, b.float(4.0)), constant)
    root = b.op("Sqrt", b.op("Sub", b.op("Pow", linear, b.float(2.0)), four))
    share = b.op("Div", b.op("Mul", constant, b.float(2.0)), b.op("Sub", b.op("Neg", linear), root))
    return b.op("Add", b.op("Mul", share, width), left)
