"""Whether two models say the same: both are run on the same phonemes, from a single one to a long sentence."""

import numpy as np

from core.engines.ort import OrtVoice

_LENGTHS = (1, 2, 5, 24, 90)
# Ids that every Piper voice has: the first are pause, begin and end.
_IDS = range(3, 40)
_SEED = 20_240_229


def largest_difference(first: OrtVoice, second: OrtVoice) -> float:
    """The largest difference of two samples, without noise; infinite where the lengths differ."""
    random = np.random.default_rng(_SEED)
    largest = 0.0
    for length in _LENGTHS:
        ids = [1, *(int(entry) for entry in random.choice(_IDS, length)), 2]
        a, b = first.synthesize(ids), second.synthesize(ids)
        if a.shape != b.shape:
            return float("inf")
        largest = max(largest, float(np.abs(a - b).max(initial=0.0)))
    return largest
