"""The comparison of a variant's recordings with the original's, both made with all noise set to 0."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.quality.defects import Defects, find_defects
from core.quality.grade import Grade, grade
from core.quality.mel import mel_distance_db
from core.quality.perceptual import Scores, perceptual_scores

Recordings = list[npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Quality:
    """How a variant sounds, as means over a set of texts. What could not be measured is None; `unmeasured` has the reason."""

    duration_drift_pct: float
    mel_db: float | None
    pesq: float | None
    estoi: float | None
    defects: Defects
    unmeasured: dict[str, str]
    grade: Grade


def compare_sound(original: Recordings, variant: Recordings, sample_rate: int) -> Quality:
    """Compare recordings of the same texts in the same order, float32 [samples] each."""
    drift = float(np.mean([abs(len(b) - len(a)) / len(a) * 100 for a, b in zip(original, variant, strict=True)]))
    new_defects = find_defects(variant)
    if new_defects.not_finite:
        why = "the audio contains values that are not finite"
        mel, scores = None, Scores(None, None, dict.fromkeys(("mel_db", "pesq", "estoi"), why))
    else:
        mel = float(np.mean([mel_distance_db(a, b, sample_rate) for a, b in zip(original, variant, strict=True)]))
        scores = perceptual_scores(original, variant, sample_rate)
    # A defect that the original has, too, is not held against the variant.
    defects = new_defects if new_defects != find_defects(original) else Defects(0, 0, 0)
    return Quality(
        duration_drift_pct=drift,
        mel_db=mel,
        pesq=scores.pesq,
        estoi=scores.estoi,
        defects=defects,
        unmeasured=scores.unmeasured,
        grade=grade(mel, drift, defects, scores.pesq),
    )
