"""The comparison of a variant's recordings with the original's, both made with all noise set to 0."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.quality.defects import Defects, find_defects
from core.quality.grade import Grade, grade
from core.quality.mel import mel_distance_db
from core.quality.perceptual import mean_known, perceptual_scores
from core.quality.tones import worst_tone

Recordings = list[npt.NDArray[np.float32]]

# What another order of additions makes of the same graph is far below.
_SAME_DB = 0.01
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
    """In the order of the recordings. Means are over these."""
    judged: tuple[TextQuality, ...]
    """Of further texts, which count where the worst is asked for."""
    tone_db: float | None
    tone_hz: float | None
    """The frequency of the worst tone; None also if there is none."""
    defects: Defects
    unmeasured: dict[str, str]

    @property
    def all_texts(self) -> tuple[TextQuality, ...]:
        """Return the quality of each text, the judged ones last."""
        return self.texts + self.judged

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
        return max((text.mel_db for text in self.all_texts if text.mel_db is not None), default=None)

    @property
    def worst_pesq(self) -> float | None:
        """Return the lowest PESQ."""
        return min((text.pesq for text in self.all_texts if text.pesq is not None), default=None)

    @property
    def worst_estoi(self) -> float | None:
        """Return the lowest ESTOI."""
        return min((text.estoi for text in self.all_texts if text.estoi is not None), default=None)

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
        known = [(number, text) for number, text in enumerate(self.all_texts) if text.mel_db is not None]
        if not any((text.mel_db or 0) > _SAME_DB for _, text in known):
            return None
        number, _ = min(known, key=lambda one: (one[1].pesq or np.inf, -(one[1].mel_db or 0)))
        return number


def compare_sound(
    original: Recordings, variant: Recordings, sample_rate: int, judged: tuple[Recordings, Recordings] = ([], [])
) -> Quality:
    """Compare recordings of the same texts in the same order, float32 [samples] each.

    `judged` are recordings of further texts, of the original and of the variant: they count for the worst text, for defects
    and for tones.
    """
    all_original, all_variant = [*original, *judged[0]], [*variant, *judged[1]]
    new_defects, tone = find_defects(all_variant), None
    if new_defects.not_finite:
        texts, further = _drifts(original, variant), _drifts(*judged)
        unmeasured = dict.fromkeys(("mel_db", "pesq", "estoi", "tone_db"), _NOT_FINITE)
    else:
        texts, unmeasured = _compare_texts(original, variant, sample_rate)
        # One by one: a text that cannot be scored does not keep the others from it.
        further = [_compare_texts([a], [b], sample_rate)[0][0] for a, b in zip(*judged, strict=True)]
        tone = worst_tone(all_original, all_variant, sample_rate)
        if tone is None:
            unmeasured["tone_db"] = _TOO_SHORT
    return Quality(
        texts=tuple(texts),
        judged=tuple(further),
        tone_db=tone.excess_db if tone else None,
        tone_hz=tone.hz if tone else None,
        # A defect that the original has, too, is not held against the variant.
        defects=new_defects if new_defects != find_defects(all_original) else Defects(0, 0, 0),
        unmeasured=unmeasured,
    )


def _drifts(original: Recordings, variant: Recordings) -> list[TextQuality]:
    return [TextQuality(abs(len(b) - len(a)) / len(a) * 100) for a, b in zip(original, variant, strict=True)]


def _compare_texts(
    original: Recordings, variant: Recordings, sample_rate: int
) -> tuple[list[TextQuality], dict[str, str]]:
    """Return the quality of each text, and why a score is missing for all of them."""
    scores = perceptual_scores(original, variant, sample_rate)
    found = [
        replace(drift, mel_db=mel_distance_db(a, b, sample_rate), pesq=pesq, estoi=estoi)
        for drift, a, b, pesq, estoi in zip(
            _drifts(original, variant), original, variant, scores.pesq_by_text, scores.estoi_by_text, strict=True
        )
    ]
    return found, dict(scores.unmeasured)
