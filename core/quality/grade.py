"""One grade out of a variant's figures: the only place where its thresholds stand, with their reasons."""

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from core.quality.defects import Defects

Grade = Literal["transparent", "slight", "noticeable", "broken"]
GRADES: tuple[str, ...] = get_args(Grade)
"""The best first."""

# The highest log-mel distance (dB) and duration drift (%) of each grade. The distances were laid beside wide-band PESQ
# (of 4.64 at most) on a real voice whose weights were coarsened step by step, in the flow or in the decoder:
#   up to 1.5 dB  PESQ above 4.5: nobody tells the two apart         (flow at 8 bits 0.7, decoder at 8 bits 1.5)
#   up to 3 dB    PESQ about 3.6 to 4.4: heard beside the original   (flow at 6 bits 2.2, decoder at 7 bits 2.3)
#   up to 6 dB    PESQ about 1.8 to 3.4: heard without it            (decoder at 6 bits 3.8, flow at 5 bits 4.9)
#   beyond        PESQ below 2.1: noise or garbled speech            (decoder at 5 bits 8.1, flow at 4 bits 11.6)
# Drift: half a percent is one frame in a short sentence, 2 % is within what the voice's own randomness does from one
# reading to the next, past 10 % the rhythm is another.
# The lowest PESQ stands between the same steps; where it is missing the other two decide alone.
_LIMITS: tuple[tuple[Grade, float, float, float], ...] = (
    ("transparent", 1.5, 0.5, 4.4),
    ("slight", 3.0, 2.0, 3.5),
    ("noticeable", 6.0, 10.0, 2.2),
)


def grade(mel_db: float | None, duration_drift_pct: float, defects: "Defects", pesq: float | None = None) -> Grade:
    """The best grade whose limits all figures keep. A defect of its own (clipping, silence, NaN) breaks a variant."""
    if defects or mel_db is None:
        return "broken"
    for name, highest_mel, highest_drift, lowest_pesq in _LIMITS:
        clear = pesq is None or pesq >= lowest_pesq
        if mel_db <= highest_mel and duration_drift_pct <= highest_drift and clear:
            return name
    return "broken"
