"""The alignment: repeats the prior of each phoneme over its frames, and samples the latent."""

from dataclasses import dataclass

from tests.vits.builder import FLOAT, INT64, Builder
from tests.vits.layers import sequence_mask, size, vector
from tests.vits.text import Encoded


@dataclass(frozen=True)
class Aligned:
    """The tensors that flow and decoder read."""

    latent: str
    mask: str


def align(b: Builder, text: Encoded, frames: str, noise: str) -> Aligned:
    total = b.op("ReduceSum", frames, b.ints(1, 2), keepdims=0)
    lengths = b.op("Cast", b.op("Clip", total, b.float(1.0), ""), to=INT64)
    mask = sequence_mask(b, lengths, b.op("ReduceMax", lengths, keepdims=0))
    path = _path(b, frames, b.op("Mul", text.mask_column, b.op("Unsqueeze", mask, b.ints(-1))))
    mean, log_scale = _spread(b, path, text.mean), _spread(b, path, text.log_scale)
    drawn = b.op("Mul", b.op("RandomNormalLike", mean, dtype=1), b.op("Exp", log_scale))
    return Aligned(b.op("Add", mean, b.op("Mul", drawn, noise)), mask)


def _path(b: Builder, frames: str, mask: str) -> str:
    """Return the phoneme of each frame as 0 and 1, [batch, frames, phonemes]; `mask` is [batch, 1, frames, phonemes]."""
    sizes = b.op("Shape", mask)
    batch, longest, phonemes = (size(b, sizes, axis) for axis in (0, 2, 3))
    ends = b.op("CumSum", frames, b.int(-1))
    ends = b.op("Reshape", ends, b.op("Unsqueeze", b.op("Mul", batch, phonemes), b.ints(0)), allowzero=0)
    positions = b.op("Range", b.float(0.0), b.op("Cast", longest, to=FLOAT), b.float(1.0))
    before_end = b.op("Less", b.op("Unsqueeze", positions, b.ints(0)), b.op("Unsqueeze", ends, b.ints(1)))
    reached = b.op("Cast", before_end, to=FLOAT)
    reached = b.op("Reshape", reached, vector(b, batch, phonemes, longest), allowzero=0)
    shifted = b.op("Pad", reached, b.ints(0, 1, 0, 0, 0, 0), "", mode="constant")
    shifted = b.op("Slice", shifted, b.ints(0), b.ints(-1), b.ints(1), b.ints(1))
    path = b.op("Unsqueeze", b.op("Sub", reached, shifted), b.ints(1))
    path = b.op("Mul", b.op("Transpose", path, perm=[0, 1, 3, 2]), mask)
    return b.op("Squeeze", path, b.ints(1))


def _spread(b: Builder, path: str, prior: str) -> str:
    x = b.op("MatMul", path, b.op("Transpose", prior, perm=[0, 2, 1]))
    return b.op("Transpose", x, perm=[0, 2, 1])
