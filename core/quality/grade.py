"""The grade of a variant's sound: its thresholds, defined only here, and the reasons for them."""

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from core.quality.defects import Defects

Grade = Literal["transparent", "slight", "noticeable", "broken"]
GRADES: tuple[str, ...] = get_args(Grade)
"""Best first."""

# The highest log-mel distance (dB) and duration drift (%), the lowest PESQ, and the highest tone (dB) of each grade. The distances were
# calibrated against wide-band PESQ (at most 4.64) on a real voice whose weights were quantized more and more coarsely,
# in the flow or in the decoder:
#   up to 1.5 dB  PESQ above 4.5           (flow at 8 bits 0.7, decoder at 8 bits 1.5)
#   up to 3 dB    PESQ about 3.6 to 4.4    (flow at 6 bits 2.2, decoder at 7 bits 2.3)
#   up to 6 dB    PESQ about 1.8 to 3.4    (decoder at 6 bits 3.8, flow at 5 bits 4.9)
#   above         PESQ below 2.1           (decoder at 5 bits 8.1, flow at 4 bits 11.6)
# Nobody has listened: the names of the grades stand for these limits.
# Drift: 0.5 % is one frame of a short sentence, 2 % is what the voice's random durations vary by from one synthesis to
# the next, and above 10 % the rhythm is a different one.
# The PESQ limits lie between the same steps; without PESQ the others decide alone.
# Tones: noise masks a tone that is some 5 dB weaker than the noise of its critical band. At 1 kHz that band has 162 Hz, ten
# times what a line collects, so a tone is heard from a line 6 dB above its neighborhood on, and at 12 dB clearly: there one
# trained decoder was found to buzz. A decoder cut down without training has 16.7 dB at a PESQ of 3.3. The int8 and int4
# variants of a real voice are at 3.2 to 3.6 dB, and two recordings that differ only in the voice's noise at up to 5 dB.
_LIMITS: tuple[tuple[Grade, float, float, float, float], ...] = (
    ("transparent", 1.5, 0.5, 4.4, 4.0),
    ("slight", 3.0, 2.0, 3.5, 6.0),
    ("noticeable", 6.0, 10.0, 2.2, 12.0),
)
MAX_TONE_DB = 6.0
"""The highest tone of a variant that sounds slightly different. A variant made by training is not published above it."""


def describe_limits() -> list[str]:
    """Return a line per grade with its limits; a variant gets the first grade whose limits it keeps all."""
    lines = [
        f"{name}: at most {mel:g} dB mel distance and {drift:g} % drift; if measured, PESQ {pesq:g} or more, tones up to {tone:g} dB"
        for name, mel, drift, pesq, tone in _LIMITS
    ]
    return [*lines, f"{GRADES[-1]}: anything else, and clipping, silence or invalid samples"]


def grade(
    mel_db: float | None,
    duration_drift_pct: float,
    defects: "Defects",
    pesq: float | None = None,
    tone_db: float | None = None,
) -> Grade:
    """Return the best grade whose limits are all kept; "broken" for a variant with a defect (clipping, silence, NaN).

    PESQ and tones that are None were not measured: the others decide alone.
    """
    if defects or mel_db is None:
        return "broken"
    for name, max_mel, max_drift, min_pesq, max_tone in _LIMITS:
        passes_pesq = pesq is None or pesq >= min_pesq
        passes_tone = tone_db is None or tone_db <= max_tone
        if mel_db <= max_mel and duration_drift_pct <= max_drift and passes_pesq and passes_tone:
            return name
    return "broken"
