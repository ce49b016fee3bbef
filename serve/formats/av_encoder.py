"""Opus, AAC and FLAC, by FFmpeg's libraries in the package `av`."""

import io
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import numpy as np

from core.engines.engine import Audio
from serve.formats.encoder import Encoder, Format

# By format: container, codec, the format of its samples, the rates that it takes (the last one for all others; none: any).
_CODECS: dict[Format, tuple[str, str, str, tuple[int, ...]]] = {
    Format.OPUS: ("ogg", "libopus", "flt", (16_000, 48_000, 24_000)),
    Format.AAC: ("adts", "aac", "fltp", (16_000, 22_050, 24_000)),
    Format.FLAC: ("flac", "flac", "s16", ()),
}


def encoder_of(wanted: Format) -> tuple[Callable[[int], Encoder], tuple[int, ...]]:
    """Return the encoder of a format by its rate, and the rates that it takes."""
    container, codec, samples, rates = _CODECS[wanted]
    return (lambda rate: AvEncoder(container, codec, samples, rate)), rates


class _Pipe(io.RawIOBase):
    """Keeps what a container writes until it is sent. It cannot go back, as a stream cannot."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self._written)
        self._written.clear()
        return taken


class AvEncoder:
    """One codec in one container."""

    def __init__(self, container: str, codec: str, samples: str, rate: int) -> None:
        self._pipe, self._rate, self._samples, self._position = _Pipe(), rate, samples, 0
        self._container: Any = av.open(self._pipe, "w", format=container)
        self._stream: Any = self._container.add_stream(codec, rate=rate, layout="mono")
        self._stream.format = samples

    def encode(self, audio: Audio) -> bytes:
        """Take float samples, -1..1, and return what the container has written."""
        if len(audio):
            self._mux(self._frame(audio))
        return self._pipe.take()

    def finish(self) -> bytes:
        """Return the last packets and the end of the container."""
        self._mux(None)
        self._container.close()
        return self._pipe.take()

    def _frame(self, audio: Audio) -> Any:
        values: Any = (np.clip(audio, -1, 1) * 32767).round().astype(np.int16) if self._samples == "s16" else audio
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(values[None]), format=self._samples, layout="mono")
        frame.rate, frame.pts, frame.time_base = self._rate, self._position, Fraction(1, self._rate)
        self._position += len(audio)
        return frame

    def _mux(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)
