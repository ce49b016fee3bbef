"""Statistics of paired measurements. Import it only where it is needed: SciPy is slow to load."""

import numpy as np
import numpy.typing as npt
from scipy import stats

from core.records.verdict import SMALLEST_EFFECT, MedianChange

Values = npt.NDArray[np.float64]

_RESAMPLES = 10_000
_CONFIDENCE = 0.95
# One comparison in a hundred reports a change where there is none.
_SIGNIFICANCE = 0.01
# Fixed, so that the same samples always yield the same interval.
_SEED = 20_240_229


def bootstrap_median(ratios: Values) -> tuple[float, float, float]:
    """Return the median of paired ratios [pairs] with its 95 % percentile bootstrap interval: (median, low, high).

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
    # Between equal values the interval is rounded differently from the median.
    return middle, min(middle, float(found.low)), max(middle, float(found.high))


def ci_width(low: float, high: float, middle: float) -> float:
    """Return the width of an interval as a share of its median."""
    return (high - low) / middle


def median(values: Values) -> float:
    """Return the median as a float."""
    return float(np.median(values))


def p90(values: Values) -> float:
    """Return the 90th percentile as a float."""
    return float(np.quantile(values, 0.9))


def median_change(before: Values, after: Values) -> MedianChange:
    """Test whether values, one per pair, have changed: by the Mann-Whitney U test and a minimum effect.

    (H. B. Mann and D. R. Whitney, "On a Test of Whether one of Two Random Variables is Stochastically Larger than the
    Other", 1947.)
    """
    ratio = median(after) / median(before)
    p = float(stats.mannwhitneyu(before, after, alternative="two-sided").pvalue)
    if p >= _SIGNIFICANCE or abs(ratio - 1) < SMALLEST_EFFECT:
        return MedianChange("no difference", ratio, p)
    return MedianChange("higher" if ratio > 1 else "lower", ratio, p)
