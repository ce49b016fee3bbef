"""The statistics of paired measurements, by SciPy. Imported where something is measured or compared: SciPy takes its time."""

import numpy as np
import numpy.typing as npt
from scipy import stats

from core.records.verdict import SMALLEST_EFFECT, MedianChange

Values = npt.NDArray[np.float64]

_RESAMPLES = 10_000
_CONFIDENCE = 0.95
# Of a change that is none, once in a hundred comparisons.
_SIGNIFICANCE = 0.01
# Fixed, so that the same samples give the same interval at every reading.
_SEED = 20_240_229


def bootstrap_median(ratios: Values) -> tuple[float, float, float]:
    """The median of paired ratios [pairs] and its 95 % percentile bootstrap interval: (median, low, high).

    (B. Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979.)
    """
    middle = median(ratios)
    if len(ratios) < 2:
        return middle, middle, middle
    found = stats.bootstrap(
        (ratios,),
        np.median,
        n_resamples=_RESAMPLES,
        confidence_level=_CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(_SEED),
    ).confidence_interval
    # Between equal values it is rounded otherwise than the median is.
    return middle, min(middle, float(found.low)), max(middle, float(found.high))


def ci_width(low: float, high: float, middle: float) -> float:
    """Of an interval, as a share of the median in it."""
    return (high - low) / middle


def median(values: Values) -> float:
    return float(np.median(values))


def p90(values: Values) -> float:
    return float(np.quantile(values, 0.9))


def median_change(before: Values, after: Values) -> MedianChange:
    """Whether values, one a pair, are others than before: by the Mann-Whitney U test and a smallest effect.

    (H. B. Mann and D. R. Whitney, "On a Test of Whether one of Two Random Variables is Stochastically Larger than the
    Other", 1947.)
    """
    ratio = median(after) / median(before)
    p = float(stats.mannwhitneyu(before, after, alternative="two-sided").pvalue)
    if p >= _SIGNIFICANCE or abs(ratio - 1) < SMALLEST_EFFECT:
        return MedianChange("no difference", ratio, p)
    return MedianChange("higher" if ratio > 1 else "lower", ratio, p)
