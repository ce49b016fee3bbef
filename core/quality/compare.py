"""Holds a variant's recordings against the original's, both made with the noise at 0."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.quality.defects import Defects, find_defects
from core.quality.grade import Grade, grade
from core.quality.mel import mel_distance_db

Recordings = list[npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Quality:
    """The mean over the texts of a set; `mel_db` is None when a recording holds values that are no numbers."""

    duration_drift_pct: float
    mel_db: float | None
    defects: Defects
    grade: Grade


def compare(original: Recordings, variant: Recordings, sample_rate: int) -> Quality:
    """Recordings of the same texts in the same order, float32 [samples] each."""
    drift = float(np.mean([abs(len(b) - len(a)) / len(a) * 100 for a, b in zip(original, variant, strict=True)]))
    new_defects = find_defects(variant)
    mel = None
    if not new_defects.not_finite:
        mel = float(np.mean([mel_distance_db(a, b, sample_rate) for a, b in zip(original, variant, strict=True)]))
    # A defect that the original has as well is not the variant's.
    defects = new_defects if new_defects != find_defects(original) else Defects(0, 0, 0)
    return Quality(drift, mel, defects, grade(mel, drift, defects))
