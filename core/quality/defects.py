"""Defects that no metric of similarity is needed for: clipping, silence, values that are not finite."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Piper's decoder ends in a tanh: samples stay within ±1, and come close to it only if something went wrong.
_FULL_SCALE = 0.999
_CLIPPED_SHARE = 0.001
# −60 dB of full scale. What en_US-joe-medium speaks is at −23 to −27 dB.
_SILENT_RMS = 0.001


@dataclass(frozen=True)
class Defects:
    """How many recordings of a set show each defect."""

    clipped: int
    silent: int
    not_finite: int

    def __bool__(self) -> bool:
        return bool(self.clipped or self.silent or self.not_finite)


def find_defects(recordings: list[npt.NDArray[np.float32]]) -> Defects:
    """Count the recordings, float32 [samples] each, that have each defect."""
    finite = [audio for audio in recordings if audio.size and np.isfinite(audio).all()]
    return Defects(
        clipped=sum(float((np.abs(audio) >= _FULL_SCALE).mean()) > _CLIPPED_SHARE for audio in finite),
        silent=sum(float(np.sqrt((audio.astype(np.float64) ** 2).mean())) < _SILENT_RMS for audio in finite),
        not_finite=len(recordings) - len(finite),
    )
