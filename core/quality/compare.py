"""The comparison of a variant's recordings with the original's, both made with all noise set to 0."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.quality.defects import Defects, find_defects
from core.quality.grade import Grade, grade
from core.quality.mel import mel_distance_db
from core.quality.perceptual import Scores, perceptual_scores
from core.quality.tones import worst_tone

Recordings = list[npt.NDArray[np.float32]]

_TOO_SHORT = "tones need ten seconds of audio"


@dataclass(frozen=True)
class Quality:
    """How a variant sounds, as means over a set of texts. What could not be measured is None; `unmeasured` has the reason."""

    duration_drift_pct: float
    mel_db: float | None
    pesq: float | None
    estoi: float | None
    tone_db: float | None
    tone_hz: float | None
    """The frequency of the worst tone; None also if there is none."""
    defects: Defects
    unmeasured: dict[str, str]
    grade: Grade


def compare_sound(original: Recordings, variant: Recordings, sample_rate: int) -> Quality:
    """Compare recordings of the same texts in the same order, float32 [samples] each."""
    drift = float(np.mean([abs(len(b) - len(a)) / len(a) * 100 for a, b in zip(original, variant, strict=True)]))
    new_defects = find_defects(variant)
    if new_defects.not_finite:
        why = "the audio contains values that are not finite"
        mel, scores, tone = None, Scores(None, None, {}), None
        unmeasured = dict.fromkeys(("mel_db", "pesq", "estoi", "tone_db"), why)
    else:
        mel = float(np.mean([mel_distance_db(a, b, sample_rate) for a, b in zip(original, variant, strict=True)]))
        scores, tone = perceptual_scores(original, variant, sample_rate), worst_tone(original, variant, sample_rate)
        unmeasured = scores.unmeasured | ({} if tone else {"tone_db": _TOO_SHORT})
    # A defect that the original has, too, is not held against the variant.
    defects = new_defects if new_defects != find_defects(original) else Defects(0, 0, 0)
    return Quality(
        duration_drift_pct=drift,
        mel_db=mel,
        pesq=scores.pesq,
        estoi=scores.estoi,
        tone_db=tone.excess_db if tone else None,
        tone_hz=tone.hz if tone else None,
        defects=defects,
        unmeasured=unmeasured,
        grade=grade(mel, drift, defects, scores.pesq, tone.excess_db if tone else None),
    )
