"""Receptive fields: how many samples on either side a sample depends on."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Self


@dataclass(frozen=True)
class ReceptiveField:
    """The receptive field of a tensor, in samples of the tensor where counting started."""

    exact: Fraction = Fraction(0)
    """On either side. A sample after an upsampler is a fraction of one before it."""
    rate: int = 1
    """Samples for each sample at the start."""

    @property
    def samples(self) -> int:
        """Return how many whole samples at the start one sample depends on, on either side."""
        return math.ceil(self.exact)

    def convolved(self, taps: int, dilation: int) -> Self:
        """Return the field after a convolution whose padding keeps the length."""
        return type(self)(self.exact + Fraction(dilation * (taps - 1), 2 * self.rate), self.rate)

    def upsampled(self, taps: int, rate: int) -> Self:
        """Return the field after a transposed convolution with stride `rate`."""
        return type(self)(self.exact + Fraction(math.ceil(taps / rate), self.rate), self.rate * rate)

    def followed_by(self, other: Self) -> Self:
        """Return the field after layers whose field is counted in samples of this tensor."""
        return type(self)(self.exact + other.exact / self.rate, self.rate * other.rate)

    def merged(self, other: Self) -> Self:
        """Return the field of what is computed from both tensors, sample by sample."""
        return type(self)(max(self.exact, other.exact), max(self.rate, other.rate))
