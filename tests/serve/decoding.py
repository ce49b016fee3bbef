"""Decodes audio as a client does, with FFmpeg's libraries."""

import io
from dataclasses import dataclass

import av
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Decoded:
    """Audio that was decoded; `samples` are -1..1."""

    rate: int
    samples: npt.NDArray[np.float32]

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def decode(data: bytes) -> Decoded:
    """Decode a file of any format; its first stream must be mono audio."""
    with av.open(io.BytesIO(data)) as container:
        frames = list(container.decode(audio=0))
    assert {frame.layout.nb_channels for frame in frames} == {1}
    parts = [frame.to_ndarray().reshape(-1) for frame in frames]
    samples = np.concatenate(parts)
    if samples.dtype == np.int16:
        samples = samples.astype(np.float32) / 32768
    return Decoded(frames[0].rate, samples.astype(np.float32))
