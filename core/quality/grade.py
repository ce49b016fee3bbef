"""The grade of a variant's sound: its thresholds, defined only here, and the reasons for them."""

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from core.quality.defects import Defects

Grade = Literal["transparent", "slight", "noticeable", "broken"]
GRADES: tuple[str, ...] = get_args(Grade)
"""Best first."""

# The highest log-mel distance (dB) and duration drift (%) and the lowest PESQ of each grade. The distances were
# calibrated against wide-band PESQ (at most 4.64) on a real voice whose weights were quantized more and more coarsely,
# in the flow or in the decoder:
#   up to 1.5 dB  PESQ above 4.5           (flow at 8 bits 0.7, decoder at 8 bits 1.5)
#   up to 3 dB    PESQ about 3.6 to 4.4    (flow at 6 bits 2.2, decoder at 7 bits 2.3)
#   up to 6 dB    PESQ about 1.8 to 3.4    (decoder at 6 bits 3.8, flow at 5 bits 4.9)
#   above         PESQ below 2.1           (decoder at 5 bits 8.1, flow at 4 bits 11.6)
# Nobody has listened: the names of the grades stand for these limits.
# Drift: 0.5 % is one frame of a short sentence, 2 % is what the voice's random durations vary by from one synthesis to
# the next, and above 10 % the rhythm is a different one.
# The PESQ limits lie between the same steps; without PESQ the other two decide alone.
_LIMITS: tuple[tuple[Grade, float, float, float], ...] = (
    ("transparent", 1.5, 0.5, 4.4),
    ("slight", 3.0, 2.0, 3.5),
    ("noticeable", 6.0, 10.0, 2.2),
)


def describe_limits() -> list[str]:
    """Return a line per grade with its limits; a variant gets the first grade whose limits it keeps all."""
    lines = [
        f"{name}: at most {mel:g} dB mel distance and {drift:g} % drift, PESQ {pesq:g} or more if measured"
        for name, mel, drift, pesq in _LIMITS
    ]
    return [*lines, f"{GRADES[-1]}: anything else, and clipping, silence or invalid samples"]


def grade(mel_db: float | None, duration_drift_pct: float, defects: "Defects", pesq: float | None = None) -> Grade:
    """Return the best grade whose limits are all kept; "broken" for a variant with a defect (clipping, silence, NaN)."""
    if defects or mel_db is None:
        return "broken"
    for name, max_mel, max_drift, min_pesq in _LIMITS:
        passes_pesq = pesq is None or pesq >= min_pesq
        if mel_db <= max_mel and duration_drift_pct <= max_drift and passes_pesq:
            return name
    return "broken"
