"""Samples as 16-bit integers."""

import numpy as np

from core.engines.engine import Audio


def to_pcm(audio: Audio) -> bytes:
    """Return float samples, -1..1, as 16-bit little-endian integers."""
    return (np.clip(audio, -1, 1) * 32767).round().astype("<i2").tobytes()
