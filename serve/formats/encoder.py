"""Encoders by the name of their format. Each takes float samples in chunks and returns bytes that can be sent at once."""

import importlib
import struct
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import numpy as np

from core.engines.engine import Audio
from serve.errors import Unavailable
from serve.formats.pcm import to_pcm

_UNKNOWN = 0xFFFFFFFF
"""The sizes in the header of a WAV that is sent before its length is known."""


class Format(StrEnum):
    """The formats that OpenAI's clients ask for."""

    MP3 = "mp3"
    OPUS = "opus"
    AAC = "aac"
    FLAC = "flac"
    WAV = "wav"
    PCM = "pcm"

    @property
    def media_type(self) -> str:
        """Return the media type."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    Format.MP3: "audio/mpeg",
    Format.OPUS: "audio/ogg",
    Format.AAC: "audio/aac",
    Format.FLAC: "audio/flac",
    Format.WAV: "audio/wav",
    Format.PCM: "audio/pcm",
}


class Encoder(Protocol):
    """Encodes one stream of mono audio."""

    def encode(self, audio: Audio) -> bytes:
        """Take float samples, -1..1, and return what of them can be sent."""
        ...

    def finish(self) -> bytes:
        """Return the rest."""
        ...


class PcmEncoder:
    """Samples without a header."""

    def encode(self, audio: Audio) -> bytes:
        """Take float samples, -1..1, and return them as 16-bit integers."""
        return to_pcm(audio)

    def finish(self) -> bytes:
        """Return nothing: all has been sent."""
        return b""


class WavEncoder(PcmEncoder):
    """A WAV whose header is sent before its length is known."""

    def __init__(self, rate: int) -> None:
        self._header = wav_header(rate)

    def encode(self, audio: Audio) -> bytes:
        """Take float samples, -1..1, and return them as 16-bit integers, the first ones behind the header."""
        header, self._header = self._header, b""
        return header + to_pcm(audio)


def wav_header(rate: int, data_bytes: int | None = None) -> bytes:
    """Return the header of a mono WAV of 16 bits with that many bytes of samples; None if that is not known yet."""
    size = _UNKNOWN if data_bytes is None else data_bytes
    whole = _UNKNOWN if data_bytes is None else 36 + data_bytes
    riff = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", whole, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    return riff + struct.pack("<4sI", b"data", size)


class Mp3Encoder:
    """LAME, at a quality for speech."""

    def __init__(self, rate: int) -> None:
        import lameenc

        self._lame = lameenc.Encoder()
        self._lame.set_channels(1)
        self._lame.set_in_sample_rate(rate)
        self._lame.set_bit_rate(96)
        self._lame.set_quality(5)
        self._lame.silence()
        self._begun = False

    def encode(self, audio: Audio) -> bytes:
        """Take float samples, -1..1, and return the frames that are complete."""
        self._begun = True
        return bytes(self._lame.encode(to_pcm(audio)))

    def finish(self) -> bytes:
        """Return the last frames."""
        return bytes(self._lame.flush()) if self._begun else b""


class Resampler:
    """Changes the sample rate of a stream in front of an encoder."""

    def __init__(self, rate: int, wanted: int, encoder: Encoder) -> None:
        import soxr

        self._stream = soxr.ResampleStream(rate, wanted, 1, dtype="float32")
        self._encoder = encoder

    def encode(self, audio: Audio) -> bytes:
        """Take float samples and return what of them can be sent."""
        return self._encoder.encode(self._stream.resample_chunk(audio))

    def finish(self) -> bytes:
        """Return the rest."""
        last = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        return self._encoder.encode(last) + self._encoder.finish()


_ENCODERS: dict[Format, tuple[Callable[[int], Encoder], tuple[int, ...]]] = {
    Format.MP3: (Mp3Encoder, (16_000, 22_050, 24_000)),
    Format.WAV: (WavEncoder, ()),
    # What OpenAI's clients play without asking.
    Format.PCM: (lambda rate: PcmEncoder(), (24_000,)),
}
"""By format, its encoder, and the rates that it takes, the last one for all others; none if it takes any."""


def open_encoder(wanted: Format, rate: int) -> tuple[Encoder, int]:
    """Return an encoder for a stream of that rate, and the rate of what it makes. Raises Unavailable."""
    try:
        make, rates = _ENCODERS.get(wanted) or importlib.import_module("serve.formats.av_encoder").encoder_of(wanted)
        made = rate if not rates or rate in rates else rates[-1]
        encoder = make(made)
        return (encoder if made == rate else Resampler(rate, made, encoder)), made
    except ImportError as error:
        raise Unavailable(f"{wanted} needs a package that is not installed: {missing_extra(error)}") from error


def missing_extra(error: ImportError) -> str:
    """Return the command that installs what a format lacks."""
    from core.processes import pip_install

    return pip_install("ttsdash[formats]" if error.name == "av" else "ttsdash[serve]")
