"""How far the samples of a tensor look to either side, counted in the samples of where the counting began."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Self


@dataclass(frozen=True)
class ReceptiveField:
    """The receptive field of a tensor, relative to the tensor at which it was created."""

    exact_reach: Fraction = Fraction(0)
    rate: int = 1
    """Samples for each sample at the start."""

    @property
    def reach(self) -> int:
        """Return how many samples at the start one sample depends on to either side."""
        return math.ceil(self.exact_reach)

    def convolved(self, taps: int, dilation: int) -> Self:
        """Return the field behind a convolution whose padding keeps the length."""
        return type(self)(self.exact_reach + Fraction(dilation * (taps - 1), 2 * self.rate), self.rate)

    def upsampled(self, taps: int, rate: int) -> Self:
        """Return the field behind a transposed convolution with stride `rate`."""
        return type(self)(self.exact_reach + Fraction(math.ceil(taps / rate), self.rate), self.rate * rate)

    def merged(self, other: Self) -> Self:
        """Return the field of what is computed from both, sample by sample."""
        return type(self)(max(self.exact_reach, other.exact_reach), max(self.rate, other.rate))
