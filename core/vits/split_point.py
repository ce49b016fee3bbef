"""The point at which a voice is split into an encoder half and a decoder half.

The encoder half is text encoder, durations and noise; the decoder half is flow and decoder, which can be split once more.
"""

import json
from dataclasses import dataclass
from typing import Self

METADATA_KEY = "ttsdash.cut"
"""The key of the split point in a model's metadata."""


@dataclass(frozen=True)
class SplitPoint:
    """The tensors between both halves, and what the decoder half makes of them."""

    latent: str
    """[1, channels, frames]"""
    mask: str
    """[1, 1, frames], 1 inside the sentence."""
    speaker: str | None
    """[1, speaker_channels, 1]; only in voices with several speakers."""
    channels: int
    speaker_channels: int
    receptive_field: int
    """How many frames on either side a sample of the audio depends on."""
    hop_length: int
    """Samples per frame."""
    flow_output: str | None = None
    """[1, channels, frames]: what the decoder reads of the flow; None in variants of earlier versions."""
    decoder_field: int = 0
    """How many frames of the flow's output on either side a sample of the audio depends on."""

    @property
    def tensors(self) -> list[str]:
        """Return the names of the tensors between both halves."""
        tensors = [self.latent, self.mask]
        if self.speaker:
            tensors.append(self.speaker)
        return tensors

    def to_text(self) -> str:
        """Return the JSON object that is written into the metadata. Its keys never change."""
        return json.dumps(
            {
                "latent": self.latent,
                "mask": self.mask,
                "speaker": self.speaker,
                "channels": self.channels,
                "speaker_channels": self.speaker_channels,
                "reach": self.receptive_field,
                "hop": self.hop_length,
                "flow_output": self.flow_output,
                "decoder_reach": self.decoder_field,
            }
        )

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Parse what `to_text` returned. Raises ValueError for anything else."""
        try:
            values = json.loads(text)
            return cls(
                receptive_field=values.pop("reach"),
                hop_length=values.pop("hop"),
                decoder_field=values.pop("decoder_reach", 0),
                **values,
            )
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(str(error)) from error
