"""Every format has all samples, at the right rate, however the audio was cut into chunks."""

import builtins
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve.errors import Unavailable
from serve.formats.encoder import Format, open_encoder, wav_header
from serve.formats.pcm import to_pcm
from tests.serve.decoding import decode

RATES = (16_000, 22_050)
# What a codec adds in front or at the end, in seconds at most.
PADDING = {Format.MP3: 0.08, Format.AAC: 0.09}


def tone(rate: int, seconds: float = 1.0, hz: float = 330) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def encode(wanted: Format, audio: np.ndarray, rate: int, chunks: int = 5) -> tuple[bytes, int]:
    encoder, made = open_encoder(wanted, rate)
    return b"".join(map(encoder.encode, np.array_split(audio, chunks))) + encoder.finish(), made


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("wanted", [one for one in Format if one is not Format.PCM])
def test_what_is_decoded_is_what_was_encoded(wanted: Format, rate: int) -> None:
    data, made = encode(wanted, tone(rate), rate)
    decoded = decode(data)
    assert decoded.rate == (48_000 if wanted is Format.OPUS else made)
    assert 1 <= decoded.seconds + 1e-3 <= 1 + PADDING.get(wanted, 0.0) + 2e-3
    spectrum = np.abs(np.fft.rfft(decoded.samples))
    assert spectrum.argmax() * decoded.rate / len(decoded.samples) == pytest.approx(330, abs=2)
    middle = decoded.samples[len(decoded.samples) // 4 : len(decoded.samples) // 2]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.06)


def test_pcm_has_the_rate_that_clients_of_openai_assume() -> None:
    data, made = encode(Format.PCM, tone(22_050), 22_050)
    samples = np.frombuffer(data, "<i2") / 32767
    assert (made, len(samples)) == (24_000, 24_000)
    middle = slice(1000, -1000)
    np.testing.assert_allclose(samples[middle], tone(24_000)[middle], atol=2e-3)


@pytest.mark.parametrize("wanted", Format)
def test_a_format_of_nothing_is_no_error(wanted: Format) -> None:
    encoder, _ = open_encoder(wanted, 22_050)
    assert isinstance(encoder.finish(), bytes)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 700), max_size=12))
def test_chunks_make_no_difference_to_a_lossless_format(lengths: list[int]) -> None:
    audio = tone(22_050, 0.5)[: sum(lengths)]
    encoder, _ = open_encoder(Format.WAV, 22_050)
    bounds = np.cumsum([0, *lengths])
    data = b"".join(encoder.encode(audio[begin:end]) for begin, end in pairwise(bounds))
    if lengths:
        assert data == wav_header(22_050) + to_pcm(audio[: bounds[-1]])


def test_a_wav_of_known_length_has_it_in_its_header() -> None:
    samples = to_pcm(tone(16_000, 0.25))
    decoded = decode(wav_header(16_000, len(samples)) + samples)
    assert (decoded.rate, len(decoded.samples)) == (16_000, 4_000)


def test_samples_beyond_full_scale_do_not_wrap() -> None:
    assert np.frombuffer(to_pcm(np.array([-3, 3, 1, -1], np.float32)), "<i2").tolist() == [-32767, 32767, 32767, -32767]


@pytest.mark.parametrize(
    ("wanted", "package", "extra"), [(Format.OPUS, "av", "formats"), (Format.MP3, "lameenc", "serve")]
)
def test_a_format_whose_package_is_missing_is_refused_with_the_command_that_installs_it(
    wanted: Format, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(__import__("sys").modules, "serve.formats.av_encoder", raising=False)
    original = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return original(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Unavailable, match=rf"{wanted} needs a package that is not installed: .*ttsdash\[{extra}\]"):
        open_encoder(wanted, 22_050)
