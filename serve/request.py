"""What a client asks for, whatever dialect it speaks."""

import math
from dataclasses import dataclass

from serve.errors import Refused, TooLarge

MAX_CHARS = 20_000
"""The longest text of one request."""
_RANGES = {
    "speed": (0.1, 10.0),
    "length_scale": (0.1, 10.0),
    "noise": (0.0, 2.0),
    "noise_w": (0.0, 2.0),
    "volume": (0.0, 4.0),
    "sentence_silence_s": (0.0, 10.0),
}


@dataclass(frozen=True)
class SpeechRequest:
    """A text, and how it is to be spoken. None stands for what the voice's configuration has."""

    text: str
    voice: str | None = None
    speaker: str | int | None = None
    """A name or an id."""
    speed: float = 1.0
    """How much faster than the voice's usual speed."""
    length_scale: float | None = None
    """How long sounds are at a speed of 1."""
    noise: float | None = None
    noise_w: float | None = None
    volume: float = 1.0
    sentence_silence_s: float = 0.2

    def __post_init__(self) -> None:
        """Raise Refused for a text that is too long, and for a value out of its range."""
        if len(self.text) > MAX_CHARS:
            raise TooLarge(f"the text has {len(self.text)} characters: at most {MAX_CHARS} in one request", "text")
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and least <= value <= most):
                raise Refused(f"{name} must be from {least:g} to {most:g}", name)
