"""The stochastic duration predictor: from noise to log-durations, by a flow of splines conditioned on the text."""

import math

from tests.vits.builder import Builder
from tests.vits.layers import conv, flip, separable_convs, size, vector
from tests.vits.shape import VitsShape
from tests.vits.spline import inverse_spline
from tests.vits.text import Encoded


def durations(b: Builder, shape: VitsShape, text: Encoded, speaker: str | None, noise: str, length: str) -> str:
    """Return the frames of each phoneme, integers as floats, [batch, 1, phonemes]."""
    with b.scope("dp"):
        given = _condition(b, shape, text, speaker)
        z = b.op("Mul", _noise(b, given), noise)
        for number in reversed(range(shape.duration_flows)):
            with b.scope(f"flows.{2 * number + 3}"):
                z = _conv_flow(b, shape, flip(b, z), given, text.mask)
        with b.scope("flows.0"):
            z = _affine(b, shape, flip(b, z), text.mask)
        log_duration = b.split_op("Split", z, b.ints(1, 1), outputs=2, axis=1)[0]
    frames = b.op("Mul", b.op("Exp", log_duration), text.mask)
    return b.op("Ceil", b.op("Mul", frames, length))


def _condition(b: Builder, shape: VitsShape, text: Encoded, speaker: str | None) -> str:
    width = shape.duration_filter
    x = conv(b, "pre", text.hidden, (shape.hidden, width))
    if speaker:
        x = b.op("Add", x, conv(b, "cond", speaker, (shape.speaker_channels, width), gain=0.5))
    with b.scope("convs"):
        x = separable_convs(b, x, text.mask, width, shape.duration_kernel, shape.separable_layers, given=None)
    return b.op("Mul", conv(b, "proj", x, (width, width)), text.mask)


def _noise(b: Builder, given: str) -> str:
    """Return two values per phoneme: the log-duration and the value that the flow couples with it."""
    sizes = b.op("Shape", given)
    empty = b.zeros_of(vector(b, size(b, sizes, 0), b.ints(2), size(b, sizes, 2)))
    return b.op("RandomNormalLike", empty, dtype=1)


def _conv_flow(b: Builder, shape: VitsShape, z: str, given: str, mask: str) -> str:
    """Keep one of the two values, and transform the other by a spline whose knots depend on the first."""
    width = shape.duration_filter
    kept, bent = b.split_op("Split", z, b.ints(1, 1), outputs=2, axis=1)
    x = conv(b, "pre", kept, (1, width))
    with b.scope("convs"):
        x = separable_convs(b, x, mask, width, shape.duration_kernel, shape.separable_layers, given)
    knots = b.op("Mul", conv(b, "proj", x, (width, 3 * shape.spline_bins - 1), gain=0.5), mask)
    bent = inverse_spline(b, bent, kept, knots, shape.spline_bins, scale=math.sqrt(width))
    return b.op("Mul", b.op("Concat", kept, bent, axis=1), mask)


def _affine(b: Builder, shape: VitsShape, z: str, mask: str) -> str:
    """Add the last step, whose shift sets the number of frames of a phoneme."""
    shift = b.table("m", [[-math.log(shape.frames_per_phoneme)], [0.0]])
    z = b.op("Mul", b.op("Sub", z, shift), b.table("exp_logs", [[1.0], [1.0]]))
    return b.op("Mul", z, mask)
