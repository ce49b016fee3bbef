"""Where a voice is cut in two: front (text encoder, durations, noise) and body (flow and decoder)."""

import json
from dataclasses import asdict, dataclass
from typing import Self

MARK = "ttsdash.cut"
"""The key under which a model's metadata tells its seam."""


@dataclass(frozen=True)
class Seam:
    """The tensors that cross, and what the body makes of them."""

    latent: str
    """[1, channels, frames]"""
    mask: str
    """[1, 1, frames], 1 inside the sentence"""
    speaker: str | None
    """[1, speaker_channels, 1], of a voice with several speakers"""
    channels: int
    speaker_channels: int
    reach: int
    """How many frames to either side of its own a sample depends on."""
    hop: int
    """Samples a frame."""

    @property
    def crossing(self) -> list[str]:
        return [self.latent, self.mask, *([self.speaker] if self.speaker else [])]

    def to_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Raises ValueError for what `to_text` did not write."""
        try:
            return cls(**json.loads(text))
        except TypeError as error:
            raise ValueError(str(error)) from error
