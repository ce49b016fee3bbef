"""The statistics of paired measurements."""

import numpy as np
import numpy.typing as npt

_RESAMPLES = 10_000
_CONFIDENCE = 0.95
# Fixed, so that the same samples give the same interval at every reading.
_SEED = 20_240_229


def bootstrap_median(ratios: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """The median of paired ratios [pairs] and its 95 % percentile bootstrap interval: (median, low, high).

    (B. Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979.)
    """
    draws = np.random.default_rng(_SEED).integers(0, len(ratios), (_RESAMPLES, len(ratios)))
    medians = np.median(ratios[draws], axis=1)
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(medians, [tail, 1 - tail])
    return float(np.median(ratios)), float(low), float(high)


def median(values: list[float]) -> float:
    return float(np.median(values))


def p90(values: list[float]) -> float:
    return float(np.quantile(values, 0.9))
