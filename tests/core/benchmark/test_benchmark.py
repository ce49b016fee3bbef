"""Benchmark runs of real voices in real processes."""

import itertools
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from core.benchmark.candidate import BenchmarkPlan, BenchmarkVariant, default_threads
from core.benchmark.load import ExternalLoad
from core.benchmark.probe import Probe, ProbeFailed
from core.benchmark.round import BLOCK, MIN_BLOCKS
from core.benchmark.run import run
from core.benchmark.texts import TextSet
from core.engines.ort import OrtVoice
from core.errors import InvalidInput
from core.files import sha256_of
from core.hardware.detection import usable_cores
from core.hardware.machine import this_machine
from core.records.benchmarks import BenchmarkRecord, ResultRecord
from core.voices.phonemes import phoneme_ids
from tests.vits import HIGH, MULTI_SPEAKER, TINY, voice_config, write_voice

# One run is shared by several tests.
pytestmark = pytest.mark.xdist_group("benchmark")

# Metrics that have no reason when they are None.
_WORST = {"worst_mel_db", "worst_pesq", "worst_estoi", "worst_text"}
_MAY_BE_EMPTY = {"recipe", "program_db", "regression", "tone_hz", *_WORST}
_TEXTS = TextSet("mine", "en", {"first": "Hi.", "second": "Go."}, latency_text="second")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkPlan:
    """The original and a copy of it."""
    folder = tmp_path_factory.mktemp("voices")
    original = write_voice(folder)
    copy = Path(shutil.copyfile(original, folder / "copy.onnx"))
    return BenchmarkPlan(
        voice_id=sha256_of(original),
        voice_key="tiny",
        config=voice_config(TINY),
        candidates=(_candidate("original", original), _candidate("copy", copy)),
        texts=_TEXTS,
        threads=default_threads(),
        width=0.05,
        budget_s=1,
    )


@pytest.fixture(scope="module")
def reports() -> list[tuple[str, float]]:
    return []


@pytest.fixture(scope="module")
def record(plan: BenchmarkPlan, reports: list[tuple[str, float]]) -> BenchmarkRecord:
    return run(plan, lambda stage, share: reports.append((stage, share)))


@pytest.fixture(autouse=True)
def no_probe_is_left() -> Iterator[None]:
    before = set(psutil.Process().children(recursive=True))
    yield
    assert not set(psutil.Process().children(recursive=True)) - before


def test_each_variant_has_metrics_at_each_thread_count(record: BenchmarkRecord) -> None:
    assert [(result.figures["variant"], result.figures["threads"]) for result in record.results] == [
        (name, threads) for threads in default_threads() for name in ("original", "copy")
    ]
    assert [result.figures["stock"] for result in record.results] == [
        result.figures["threads"] == usable_cores() for result in record.results
    ]


@pytest.mark.skipif(usable_cores() == 1, reason="one core: ONNX Runtime starts no threads")
def test_a_model_is_idle_before_the_next_one_runs(plan: BenchmarkPlan) -> None:
    with Probe("original", "onnxruntime", plan.candidates[0].path, None, plan.config) as probe:
        for _ in range(3):
            probe.run([1, 5, 2])
            used = probe.usage().cpu_s
            time.sleep(0.1)
            used_since = probe.usage().cpu_s
            assert used_since - used < 0.02


def test_the_original_is_as_fast_as_itself(record: BenchmarkRecord) -> None:
    for result in record.results:
        figures = result.figures
        assert figures["speedup_low"] <= figures["speedup"] <= figures["speedup_high"]
        if figures["variant"] == "original":
            assert (figures["speedup_low"], figures["speedup"], figures["speedup_high"]) == (1, 1, 1)
            assert figures["verdict"] == "no difference"
        else:
            assert 0.2 < figures["speedup"] < 5


def test_the_speed_up_is_the_median_ratio_over_pairs(record: BenchmarkRecord) -> None:
    for original, variant in zip(record.results[::2], record.results[1::2], strict=True):
        expected = np.median(_seconds_by_pair(original) / _seconds_by_pair(variant))
        assert variant.figures["speedup"] == pytest.approx(expected)


def test_a_variant_with_more_work_is_slower(plan: BenchmarkPlan, tmp_path: Path) -> None:
    # The same except for the decoder, which has twice the channels and one more stage.
    wide = _candidate("wide", write_voice(tmp_path, HIGH))
    texts = TextSet("mine", "en", {"only": "The door is locked, and the key is gone."}, latency_text="only")
    record = run(
        replace(plan, candidates=(plan.candidates[0], wide), texts=texts, threads=(1,)), lambda stage, share: None
    )
    original, figures = (result.figures for result in record.results)
    assert figures["verdict"] == "slower"
    assert figures["speedup_high"] < 0.97
    assert figures["latency_ms"] > original["latency_ms"] == figures["original_latency_ms"]
    assert figures["duration_drift_pct"] == 0
    assert figures["mel_db"] > 0


@pytest.mark.skipif(sys.platform == "darwin", reason="there it can be timed")
def test_a_variant_whose_engine_is_missing_has_no_metrics_but_the_reason(plan: BenchmarkPlan) -> None:
    elsewhere = replace(plan.candidates[1], name="original@coreml", engine="onnxruntime-coreml")
    plan = replace(plan, candidates=(plan.candidates[0], elsewhere), threads=(1,))
    kept: dict[str, object] = {}
    _, without = run(plan, lambda stage, share: None, on_recording=kept.__setitem__).results
    figures = without.figures
    assert (figures["engine"], figures["pairs"], without.samples) == (None, 0, ())
    empty = {name for name, value in figures.items() if value is None}
    assert empty >= {"speedup", "verdict", "rtf", "latency_ms", "load_s", "peak_rss_mb", "mel_db", "pesq", "grade"}
    assert empty - {"engine", "speedup_low", "speedup_high", "requests", *_MAY_BE_EMPTY} == set(figures["unmeasured"])
    assert "has no CoreMLExecutionProvider on this machine: it needs macOS" in figures["unmeasured"]["speedup"]
    assert set(kept) == {"original"}


def test_a_copy_sounds_like_the_original(record: BenchmarkRecord) -> None:
    for result in record.results:
        figures = result.figures
        assert (figures["mel_db"], figures["duration_drift_pct"], figures["grade"]) == (0, 0, "transparent")
        assert figures["defects"] == {"clipped": 0, "silent": 0, "not_finite": 0}


def test_the_sound_of_each_text_is_kept_and_the_worst_is_beside_the_mean(tmp_path: Path, plan: BenchmarkPlan) -> None:
    other = _candidate("other", write_voice(tmp_path, replace(TINY, seed=TINY.seed + 1)))
    record = run(replace(plan, candidates=(plan.candidates[0], other), threads=(1,)), lambda stage, share: None)
    result = record.results[1]
    judged = ["fast", "slow", "question", "exclamation", "numbers", "long sentence"]
    assert [sound.text for sound in result.sounds] == [*_TEXTS.texts, *judged]
    distances = [sound.mel_db or 0.0 for sound in result.sounds]
    assert result.metrics.mel_db == pytest.approx(np.mean(distances[: len(_TEXTS.texts)]))
    assert result.metrics.worst_mel_db == max(distances) > min(distances)
    assert result.metrics.worst_text in [*_TEXTS.texts, *judged]
    assert {sample.text for sample in result.samples} == set(_TEXTS.texts)


def test_every_sample_is_recorded_and_the_metrics_follow_from_them(
    record: BenchmarkRecord, plan: BenchmarkPlan
) -> None:
    for result in record.results:
        samples, figures = result.samples, result.figures
        assert figures["pairs"] >= BLOCK * MIN_BLOCKS
        assert [(sample.pair, sample.text) for sample in samples] == [
            (pair, text) for pair in range(figures["pairs"]) for text in _TEXTS.texts
        ]
        seconds = [sample.seconds for sample in samples]
        assert figures["rtf"] == pytest.approx(sum(seconds) / sum(sample.audio_seconds for sample in samples))
        latencies = [1000 * sample.seconds for sample in samples if sample.text == "second"]
        assert figures["latency_ms"] == pytest.approx(np.median(latencies))
        assert figures["latency_ms"] <= figures["latency_p90_ms"] <= max(latencies)
        audio = OrtVoice(plan.candidates[0].path).synthesize(phoneme_ids(plan.config, "Hi."))
        assert samples[0].audio_seconds == pytest.approx(len(audio) / 22050)


def test_the_resources_of_a_process_are_measured(record: BenchmarkRecord, plan: BenchmarkPlan) -> None:
    for result in record.results:
        figures = result.figures
        assert 0 < figures["load_s"] < 60
        assert 10 < figures["bare_rss_mb"] < figures["peak_rss_mb"]
        assert figures["size_bytes"] == plan.candidates[0].size_bytes
        empty = {name for name, value in figures.items() if value is None}
        assert empty - _WORST == {*figures["unmeasured"], *_MAY_BE_EMPTY} - _WORST


def test_a_run_records_its_machine_voice_and_texts(record: BenchmarkRecord, plan: BenchmarkPlan) -> None:
    assert record.machine == this_machine()
    assert record.voice_id == plan.voice_id
    assert record.texts.pop("phonemes_ms") > 0
    assert record.texts.pop("judged")["question"] == "Go?"
    assert record.texts == {
        "name": "mine",
        "kind": "written",
        "note": None,
        "latency_text": "second",
        "texts": _TEXTS.texts,
    }
    assert {"load_before", "load_after", "others_share", "clock_mhz", "throttled", "limits"} == set(record.load)
    shares = [sample.others_share for result in record.results for sample in result.samples]
    assert all(share is not None and 0 <= share <= 1 for share in shares)


def test_progress_rises_from_0_towards_1(record: BenchmarkRecord, reports: list[tuple[str, float]]) -> None:
    shares = [share for _, share in reports]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1] > 0.9, shares[-1] <= 1) == (0, True, True)
    assert any("1 thread" in stage for stage, _ in reports)


@pytest.mark.parametrize("content", [b"no model", None], ids=["no model", "missing"])
def test_a_variant_that_cannot_be_loaded_is_named(content: bytes | None, plan: BenchmarkPlan, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    if content:
        broken.write_bytes(content)
    candidate = BenchmarkVariant("half-baked", broken, "0" * 64, 8, "guide")
    with pytest.raises(ProbeFailed, match=r"^half-baked: ") as caught:
        run(replace(plan, candidates=(plan.candidates[0], candidate), threads=(1,)), lambda stage, share: None)
    assert "\n" not in str(caught.value)


def test_a_text_without_phonemes_is_refused_before_any_process_starts(plan: BenchmarkPlan) -> None:
    reports: list[str] = []
    with pytest.raises(InvalidInput, match="phoneme"):
        run(
            replace(plan, texts=replace(_TEXTS, texts={"second": "\u2028"})), lambda stage, share: reports.append(stage)
        )
    assert reports == ["phonemes"]


def test_a_killed_probe_process_is_reported(plan: BenchmarkPlan) -> None:
    with Probe("original", "onnxruntime", plan.candidates[0].path, 1, plan.config) as probe:
        (process,) = _probes()
        process.send_signal(signal.SIGKILL)
        with pytest.raises(ProbeFailed, match=r"^original: .*signal 9"):
            probe.run([1, 20, 2])


def test_a_text_that_a_model_cannot_speak_fails_without_ending_the_probe(plan: BenchmarkPlan) -> None:
    with Probe("original", "onnxruntime", plan.candidates[0].path, 1, plan.config) as probe:
        with pytest.raises(ProbeFailed, match=r"^original: "):
            probe.run([9999])
        said = probe.run([1, 20, 30, 2])
        assert 0 < said.first_audio_s <= said.seconds
        assert said.samples > 0


def test_a_probe_records_its_audio(plan: BenchmarkPlan, tmp_path: Path) -> None:
    ids = phoneme_ids(plan.config, "Hello.")
    with Probe("original", "onnxruntime", plan.candidates[0].path, 1, plan.config) as probe:
        audio = probe.record(ids, tmp_path / "audio.npy")
        usage = probe.usage()
    np.testing.assert_array_equal(audio, OrtVoice(plan.candidates[0].path, 1).synthesize(ids))
    assert audio.dtype == np.float32
    assert usage.peak_rss_mb >= usage.rss_mb > probe.bare_rss_mb
    assert usage.cpu_s > 0


def test_a_probe_uses_the_length_scale_of_the_voice_and_the_chosen_speaker(tmp_path: Path) -> None:
    path, config = write_voice(tmp_path, MULTI_SPEAKER), voice_config(MULTI_SPEAKER)
    ids = phoneme_ids(config, "Hello, hello.")
    slow = config | {"inference": {"length_scale": 2.0}}
    lengths = []
    for settings, speaker in ((config, 0), (slow, 0), (config, 1)):
        with Probe("original", "onnxruntime", path, 1, settings, speaker) as probe:
            lengths.append(probe.run(ids).samples)
    voice = OrtVoice(path, 1)
    assert lengths == [
        len(voice.synthesize(ids, length, speaker)) for length, speaker in ((1.0, 0), (2.0, 0), (1.0, 1))
    ]
    assert len(set(lengths)) == 3


@pytest.mark.parametrize(
    ("taken", "throttled", "noisy"),
    [(0.09, 0, False), (0.11, 0, True), (0.0, 1, True), (0.0, None, False)],
    ids=["undisturbed", "disturbed", "throttled", "throttling unknown"],
)
def test_a_result_is_noisy_if_too_few_pairs_were_undisturbed_or_the_processor_throttled(
    taken: float, throttled: int | None, noisy: bool, plan: BenchmarkPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ExternalLoad, "share", lambda self, own_cpu_s: taken)
    counts = iter((0, throttled) if throttled is not None else (None,))
    monkeypatch.setattr("core.benchmark.load.throttle_count", lambda: next(counts))
    record = run(replace(plan, threads=(1,)), lambda stage, share: None)
    assert {result.figures["noisy"] for result in record.results} == {noisy}


def test_disturbed_pairs_are_made_up_for_by_more_pairs(plan: BenchmarkPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, a_pair = itertools.count(), 2 * len(_TEXTS.texts)
    monkeypatch.setattr(ExternalLoad, "share", lambda self, own_cpu_s: 0.5 * (next(looks) < 10 * a_pair))
    plan = replace(plan, threads=(1,), width=10.0, budget_s=60)
    original, copy = run(plan, lambda stage, share: None).results
    assert {sample.pair for sample in copy.samples} == set(range(20))
    assert (original.figures["pairs"], copy.figures["pairs"], copy.figures["noisy"]) == (10, 10, False)


def _candidate(name: str, path: Path) -> BenchmarkVariant:
    return BenchmarkVariant(name, path, sha256_of(path), path.stat().st_size, None)


def _seconds_by_pair(result: ResultRecord) -> np.ndarray:
    return np.array([sample.seconds for sample in result.samples]).reshape(result.figures["pairs"], -1).sum(axis=1)


def _probes() -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process(os.getpid()).children(recursive=True)
        if "core.benchmark.probe_process" in process.cmdline()
    ]
