"""How much a student learns from, and how often its training is saved and judged."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """The figures that do not depend on the size of a student."""

    audio_s: float = 1200
    """How much audio it learns from."""
    checkpoint_s: float = 30.0
    """How often its state is saved: the most that a crash costs."""
    judged_share: float = 0.02
    """After what share of the training it is judged, ..."""
    judged_s: float = 60.0
    """... but not more often than that."""
    hopeless_share: float = 0.1
    """A student that sounds no better than at the start after this share of the training never will."""


PACE = Pace()
