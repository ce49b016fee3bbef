"""Perceptual scores of a variant against its original, where they can be computed.

- PESQ, wide-band (ITU-T P.862.2): 4.64 for identical recordings, about 1 for noise. It aligns the recordings itself.
  Its package needs a C compiler, so it is an optional extra; without it there is no score.
- ESTOI (J. Jensen, C. H. Taal, "An Algorithm for Predicting the Intelligibility of Speech Masked by Modulated Noise
  Maskers", 2016): 1 for identical recordings. It does not align them, so it needs equal durations.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.quality.resampling import resampled

Recording = npt.NDArray[np.float32]

_PESQ_RATE = 16_000


@dataclass(frozen=True)
class Scores:
    """The scores of each text and their means; None for what could not be scored, with the reason in `unmeasured`."""

    pesq: float | None
    estoi: float | None
    unmeasured: dict[str, str]
    """Score -> why no text has it."""
    pesq_by_text: tuple[float | None, ...]
    estoi_by_text: tuple[float | None, ...]


def perceptual_scores(original: list[Recording], variant: list[Recording], sample_rate: int) -> Scores:
    """Score recordings of the same texts in the same order, float32 [samples] each."""
    unmeasured: dict[str, str] = {}
    found: dict[str, tuple[float | None, ...]] = {}
    for name, score in (("pesq", _pesq), ("estoi", _estoi)):
        try:
            found[name] = _by_text(score, original, variant, sample_rate)
        except _CannotScore as reason:
            found[name], unmeasured[name] = (None,) * len(original), str(reason)
    return Scores(mean_known(found["pesq"]), mean_known(found["estoi"]), unmeasured, found["pesq"], found["estoi"])


def mean_known(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are not None; None if there are none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


class _CannotScore(Exception):
    """A score cannot be computed; the message is the reason."""


def _by_text(
    score: Callable[[Recording, Recording, int], float | None],
    original: list[Recording],
    variant: list[Recording],
    sample_rate: int,
) -> tuple[float | None, ...]:
    values = tuple(score(first, second, sample_rate) for first, second in zip(original, variant, strict=True))
    if all(value is None for value in values):
        raise _CannotScore("no text of this set is long enough to be scored")
    return values


def _pesq(original: Recording, variant: Recording, sample_rate: int) -> float | None:
    try:
        import pesq
    except ImportError as error:
        raise _CannotScore("the package pesq is not installed (ttsdash[quality])") from error
    try:
        return float(
            pesq.pesq(_PESQ_RATE, *(resampled(one, sample_rate, _PESQ_RATE) for one in (original, variant)), "wb")
        )
    except (pesq.NoUtterancesError, pesq.BufferTooShortError):
        return None


def _estoi(original: Recording, variant: Recording, sample_rate: int) -> float | None:
    if len(original) != len(variant):
        raise _CannotScore("the durations differ, and ESTOI does not align recordings")
    from pystoi import stoi

    with warnings.catch_warnings():
        # It warns about recordings that are too short; their score is meaningless.
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return float(stoi(original, variant, sample_rate, extended=True))
        except RuntimeWarning:
            return None
