"""The grade of a variant's sound: its thresholds, defined only here, and the reasons for them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from core.quality.defects import Defects

Grade = Literal["transparent", "slight", "noticeable", "broken"]
GRADES: tuple[str, ...] = get_args(Grade)
"""Best first."""


@dataclass(frozen=True)
class _Limits:
    """What a variant must keep for a grade: the highest distance, drift and tone, the lowest PESQ."""

    grade: Grade
    mel_db: float
    worst_mel_db: float
    drift_pct: float
    pesq: float
    worst_pesq: float
    tone_db: float


# The mel distances were calibrated against wide-band PESQ (at most 4.64) on a real voice whose weights were quantized more
# and more coarsely, in the flow or in the decoder:
#   up to 1.5 dB  PESQ above 4.5           (flow at 8 bits 0.7, decoder at 8 bits 1.5)
#   up to 3 dB    PESQ about 3.6 to 4.4    (flow at 6 bits 2.2, decoder at 7 bits 2.3)
#   up to 6 dB    PESQ about 1.8 to 3.4    (decoder at 6 bits 3.8, flow at 5 bits 4.9)
#   above         PESQ below 2.1           (decoder at 5 bits 8.1, flow at 4 bits 11.6)
# Nobody has listened: the names of the grades stand for these limits.
# Drift: 0.5 % is one frame of a short sentence, 2 % is what the voice's random durations vary by from one synthesis to
# the next, and above 10 % the rhythm is a different one.
# The PESQ limits lie between the same steps; without PESQ the others decide alone.
# Worst text: of the int8 and int4 variants it is at most 0.7 PESQ and 0.8 dB from the mean, so 0.5 PESQ below the limit of the
# mean and one and a half times its distance leave them their grades. What is worse is one sentence that the mean hides.
# Tones: noise masks a tone that is some 5 dB weaker than the noise of its critical band. At 1 kHz that band has 162 Hz, ten
# times what a line collects, so a tone is heard from a line 6 dB above its neighborhood on, and at 12 dB clearly: there one
# trained decoder was found to buzz. A decoder cut down without training has 16.7 dB at a PESQ of 3.3. The int8 and int4
# variants of a real voice are at 3.2 to 3.6 dB, and two recordings that differ only in the voice's noise at up to 5 dB.
_LIMITS = (
    _Limits("transparent", mel_db=1.5, worst_mel_db=2.5, drift_pct=0.5, pesq=4.4, worst_pesq=3.9, tone_db=4.0),
    _Limits("slight", mel_db=3.0, worst_mel_db=4.5, drift_pct=2.0, pesq=3.5, worst_pesq=3.0, tone_db=6.0),
    _Limits("noticeable", mel_db=6.0, worst_mel_db=9.0, drift_pct=10.0, pesq=2.2, worst_pesq=1.7, tone_db=12.0),
)
MAX_TONE_DB = 6.0
"""The highest tone of a variant that sounds slightly different. A variant made by training is not published above it."""


def describe_limits() -> list[str]:
    """Return a line per grade with its limits; a variant gets the first grade whose limits it keeps all."""
    lines = [
        f"{one.grade}: mel distance up to {one.mel_db:g} dB (worst text {one.worst_mel_db:g}), drift {one.drift_pct:g} %, "
        f"tones {one.tone_db:g} dB, PESQ from {one.pesq:g} (worst {one.worst_pesq:g})"
        for one in _LIMITS
    ]
    return [*lines, f"{GRADES[-1]}: anything else, and clipping, silence or invalid samples"]


def grade(
    mel_db: float | None,
    duration_drift_pct: float,
    defects: "Defects",
    pesq: float | None = None,
    tone_db: float | None = None,
    worst_mel_db: float | None = None,
    worst_pesq: float | None = None,
) -> Grade:
    """Return the best grade whose limits are all kept; "broken" for a variant with a defect (clipping, silence, NaN).

    What is None was not measured: the others decide alone.
    """
    if defects or mel_db is None:
        return "broken"
    for limits in _LIMITS:
        passes = (
            mel_db <= limits.mel_db
            and duration_drift_pct <= limits.drift_pct
            and _at_most(limits.worst_mel_db, worst_mel_db)
            and _at_most(limits.tone_db, tone_db)
            and _at_least(limits.pesq, pesq)
            and _at_least(limits.worst_pesq, worst_pesq)
        )
        if passes:
            return limits.grade
    return "broken"


def _at_most(limit: float, value: float | None) -> bool:
    return value is None or value <= limit


def _at_least(limit: float, value: float | None) -> bool:
    return value is None or value >= limit
