"""The comparison of a variant's recordings with the original's, both made with all noise set to 0."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.quality.defects import Defects, find_defects
from core.quality.grade import Grade, grade
from core.quality.mel import mel_distance_db
from core.quality.perceptual import mean_known, perceptual_scores
from core.quality.tones import worst_tone

Recordings = list[npt.NDArray[np.float32]]

_TOO_SHORT = "tones need ten seconds of audio"
_NOT_FINITE = "the audio contains values that are not finite"


@dataclass(frozen=True)
class TextQuality:
    """How a variant speaks one text."""

    duration_drift_pct: float
    mel_db: float | None = None
    pesq: float | None = None
    estoi: float | None = None


@dataclass(frozen=True)
class Quality:
    """How a variant sounds. What could not be measured is None; `unmeasured` has the reason."""

    texts: tuple[TextQuality, ...]
    """In the order of the recordings."""
    tone_db: float | None
    tone_hz: float | None
    """The frequency of the worst tone; None also if there is none."""
    defects: Defects
    unmeasured: dict[str, str]

    @property
    def duration_drift_pct(self) -> float:
        """Return the mean drift over the texts; the other properties are means over those that could be measured."""
        return mean_known([text.duration_drift_pct for text in self.texts]) or 0.0

    @property
    def mel_db(self) -> float | None:
        """Return the mean mel distance."""
        return mean_known([text.mel_db for text in self.texts])

    @property
    def pesq(self) -> float | None:
        """Return the mean PESQ."""
        return mean_known([text.pesq for text in self.texts])

    @property
    def estoi(self) -> float | None:
        """Return the mean ESTOI."""
        return mean_known([text.estoi for text in self.texts])

    @property
    def worst_mel_db(self) -> float | None:
        """Return the largest mel distance; the next two are the lowest scores."""
        return max((text.mel_db for text in self.texts if text.mel_db is not None), default=None)

    @property
    def worst_pesq(self) -> float | None:
        """Return the lowest PESQ."""
        return min((text.pesq for text in self.texts if text.pesq is not None), default=None)

    @property
    def worst_estoi(self) -> float | None:
        """Return the lowest ESTOI."""
        return min((text.estoi for text in self.texts if text.estoi is not None), default=None)

    @property
    def grade(self) -> Grade:
        """Return the grade of all of it."""
        return grade(
            self.mel_db,
            self.duration_drift_pct,
            self.defects,
            self.pesq,
            self.tone_db,
            self.worst_mel_db,
            self.worst_pesq,
        )

    @property
    def worst(self) -> int | None:
        """Return which text has the lowest PESQ, or without PESQ the highest mel distance; None if all are the same."""
        known = [number for number, text in enumerate(self.texts) if text.mel_db is not None]
        if not any(self.texts[number].mel_db for number in known):
            return None
        return min(known, key=lambda number: (self.texts[number].pesq or np.inf, -(self.texts[number].mel_db or 0)))


def compare_sound(original: Recordings, variant: Recordings, sample_rate: int) -> Quality:
    """Compare recordings of the same texts in the same order, float32 [samples] each."""
    drifts = [abs(len(b) - len(a)) / len(a) * 100 for a, b in zip(original, variant, strict=True)]
    new_defects = find_defects(variant)
    if new_defects.not_finite:
        texts, tone = tuple(map(TextQuality, drifts)), None
        unmeasured = dict.fromkeys(("mel_db", "pesq", "estoi", "tone_db"), _NOT_FINITE)
    else:
        texts, unmeasured = _compare_texts(original, variant, sample_rate, drifts)
        tone = worst_tone(original, variant, sample_rate)
        if tone is None:
            unmeasured["tone_db"] = _TOO_SHORT
    return Quality(
        texts=texts,
        tone_db=tone.excess_db if tone else None,
        tone_hz=tone.hz if tone else None,
        # A defect that the original has, too, is not held against the variant.
        defects=new_defects if new_defects != find_defects(original) else Defects(0, 0, 0),
        unmeasured=unmeasured,
    )


def _compare_texts(
    original: Recordings, variant: Recordings, sample_rate: int, drifts: Sequence[float]
) -> tuple[tuple[TextQuality, ...], dict[str, str]]:
    """Return the quality of each text, and why a score is missing for all of them."""
    scores = perceptual_scores(original, variant, sample_rate)
    distances = [mel_distance_db(a, b, sample_rate) for a, b in zip(original, variant, strict=True)]
    texts = map(TextQuality, drifts, distances, scores.pesq_by_text, scores.estoi_by_text)
    return tuple(texts), dict(scores.unmeasured)
