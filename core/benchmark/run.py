"""A benchmark: the original and its variants in turn, in one run, each model in a process of its own.

The method has a version: change `METHOD` with whatever changes what the figures mean.
"""

import hashlib
import json
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.benchmark.load import LoadMeter
from core.benchmark.probe import Probe, ProbeFailed
from core.benchmark.record import BenchmarkRecord, ResultRecord, Sample
from core.benchmark.statistics import bootstrap_median, median, p90
from core.benchmark.texts import TextSet
from core.benchmark.verdict import verdict
from core.clock import now
from core.engines.names import EngineName
from core.hardware.machine import this_environment, this_machine
from core.hardware.probes import usable_cores
from core.phonemes import phoneme_ids
from core.quality.compare import Quality, Recordings, compare

METHOD = "3"
PAIRS = 10
_WARM_UP = 1

Report = Callable[[str, float], None]
"""Called with the stage and the share of the whole run that is done, 0..1."""


Keep = Callable[[str, Recordings], None]
"""Called with a candidate's name and its recordings of all texts, float32 [samples] each."""


@dataclass(frozen=True)
class Candidate:
    """A variant as a benchmark needs it; the first one given is the original."""

    name: str
    path: Path
    sha256: str
    size_bytes: int
    recipe: str | None
    engine: EngineName | None = "onnxruntime"
    """What runs it; None where nothing here can."""
    untimed: str | None = None
    """Why its speed and memory cannot be measured here; its sound can, if it has an engine."""
    program_db: float | None = None
    """How far its program was from the original's when it was converted."""


@dataclass(frozen=True)
class Plan:
    """What is measured: candidates at each thread count, on each text."""

    voice_id: str
    voice_key: str
    config: dict[str, Any]
    candidates: tuple[Candidate, ...]
    texts: TextSet
    threads: tuple[int, ...]


def default_threads() -> tuple[int, ...]:
    """One thread, and all cores."""
    return tuple(sorted({1, usable_cores()}))


def run(plan: Plan, report: Report, keep: Keep | None = None) -> BenchmarkRecord:
    """Measure, and have `keep` take what each candidate said. Raises ProbeFailed when a model cannot be loaded or run, BadInput for texts without phonemes."""
    report("phonemes", 0.0)
    ids = {name: phoneme_ids(plan.config, text) for name, text in plan.texts.texts.items()}
    record = BenchmarkRecord(
        id=str(uuid.uuid4()),
        voice_id=plan.voice_id,
        voice_key=plan.voice_key,
        machine=this_machine(),
        environment=this_environment(),
        version=_version(ids, plan.config),
        texts={"name": plan.texts.name, "latency_text": plan.texts.latency_text, "texts": plan.texts.texts},
        load={},
        created_at=now(),
    )
    plan = replace(plan, candidates=tuple(_tried(candidate, plan, ids) for candidate in plan.candidates))
    evaluated = _evaluated(plan, ids, report)
    rounds = [_Round(plan, threads, ids) for threads in plan.threads]
    meter, own_cpu = LoadMeter.start(), time.process_time()
    for number, one in enumerate(rounds):
        one.measure(_within(report, number / len(rounds), (number + 1) / len(rounds)), evaluated)
    load = meter.stop(time.process_time() - own_cpu + sum(one.cpu_s for one in rounds))
    for name, recordings in rounds[-1].recordings.items():
        if keep:
            keep(name, recordings)
    results = tuple(result for one in rounds for result in one.results(load["noisy"]))
    return BenchmarkRecord(**{**record.__dict__, "load": load, "results": results})


def _tried(candidate: Candidate, plan: Plan, ids: dict[str, list[int]]) -> Candidate:
    """The candidate, or why its engine cannot run it: Core ML takes some models on some machines only."""
    if candidate.engine not in ("coreml", "onnxruntime-coreml"):
        return candidate
    try:
        with _probe(candidate, plan, None) as probe:
            probe.run(next(iter(ids.values())))
    except ProbeFailed as error:
        return replace(candidate, engine=None, untimed=str(error))
    return candidate


def _evaluated(plan: Plan, ids: dict[str, list[int]], report: Report) -> dict[str, Recordings]:
    """What those candidates say whose sound can be told, but not their speed."""
    spoken = {}
    for candidate in plan.candidates:
        if candidate.untimed and candidate.engine:
            report(f"evaluating {candidate.name}, which cannot run here", 0.0)
            with _probe(candidate, plan, None) as probe:
                spoken[candidate.name] = _record(probe, ids)
    return spoken


def _probe(candidate: Candidate, plan: Plan, threads: int | None) -> Probe:
    return Probe(candidate.name, candidate.engine or "onnxruntime", candidate.path, threads, plan.config)


def _record(probe: Probe, ids: dict[str, list[int]]) -> Recordings:
    with tempfile.TemporaryDirectory(prefix="ttsdash-") as folder:
        file = Path(folder) / "audio.npy"
        return [probe.record(text, file) for text in ids.values()]


class _Round:
    """All candidates at one thread count."""

    def __init__(self, plan: Plan, threads: int, ids: dict[str, list[int]]) -> None:
        self.plan, self.threads, self.ids = plan, threads, ids
        self.timed = [candidate for candidate in plan.candidates if not candidate.untimed]
        self.stock = threads == usable_cores()
        self.cpu_s = 0.0
        self.seconds = np.zeros((len(self.timed), PAIRS, len(ids)))
        self.samples = np.zeros((len(self.timed), len(ids)), dtype=int)
        self.probes: list[tuple[float, float, float]] = []
        self.recordings: dict[str, Recordings] = {}
        self.quality: dict[str, Quality] = {}

    def measure(self, report: Report, evaluated: dict[str, Recordings]) -> None:
        label = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        with ExitStack() as stack:
            report(f"loading, {label}", 0.0)
            threads = None if self.stock else self.threads
            probes = [stack.enter_context(_probe(candidate, self.plan, threads)) for candidate in self.timed]
            for _ in range(_WARM_UP):
                for number, text in enumerate(self.ids.values()):
                    for position, probe in enumerate(probes):
                        self.samples[position, number] = probe.run(text)[1]
            for pair in range(PAIRS):
                report(f"pair {pair + 1} of {PAIRS}, {label}", (1 + pair) / (PAIRS + 2))
                self._run_pair(probes, pair)
            usages = [probe.usage() for probe in probes]
            self.cpu_s = sum(cpu for _, cpu in usages)
            self.probes = [
                (probe.load_s, probe.bare_rss_mb, peak) for probe, (peak, _) in zip(probes, usages, strict=True)
            ]
            report(f"comparing the sound, {label}", (PAIRS + 1) / (PAIRS + 2))
            self.recordings = {probe.name: _record(probe, self.ids) for probe in probes} | evaluated
        sample_rate = int(self.plan.config["audio"]["sample_rate"])
        original = self.recordings[self.plan.candidates[0].name]
        self.quality = {name: compare(original, made, sample_rate) for name, made in self.recordings.items()}

    def _run_pair(self, probes: list[Probe], pair: int) -> None:
        """Every text, by every model in turn: what disturbs the machine meanwhile disturbs them alike."""
        for number, text in enumerate(self.ids.values()):
            for position, probe in enumerate(probes):
                self.seconds[position, pair, number] = probe.run(text)[0]

    def results(self, noisy: bool) -> list[ResultRecord]:
        return [self._result(candidate, noisy) for candidate in self.plan.candidates]

    def _result(self, candidate: Candidate, noisy: bool) -> ResultRecord:
        timed = self._timing(self.timed.index(candidate)) if candidate in self.timed else _nothing_timed(candidate)
        quality = self.quality.get(candidate.name)
        sound = _sound(quality) if quality else _nothing_heard(candidate)
        figures = {
            "id": str(uuid.uuid4()),
            "variant": candidate.name,
            "variant_sha256": candidate.sha256,
            "recipe": candidate.recipe,
            "engine": candidate.engine,
            "threads": self.threads,
            "stock": self.stock,
            "original_latency_ms": median(list(self._latencies(0))),
            "size_bytes": candidate.size_bytes,
            "program_db": candidate.program_db,
            "energy_j": None,
            "noisy": noisy,
            **timed.figures,
            **sound.figures,
            "unmeasured": _UNMEASURED | timed.unmeasured | sound.unmeasured,
        }
        return ResultRecord(figures, timed.samples)

    def _latencies(self, position: int) -> npt.NDArray[np.float64]:
        text = list(self.ids).index(self.plan.texts.latency_text)
        return self.seconds[position, :, text] * 1000

    def _timing(self, position: int) -> "_Part":
        load_s, bare, peak = self.probes[position]
        latencies = list(self._latencies(position))
        totals = self.seconds.sum(axis=2)
        speedup, low, high = bootstrap_median(totals[0] / totals[position])
        audio_s = self.samples[position] / int(self.plan.config["audio"]["sample_rate"])
        figures = {
            "pairs": PAIRS,
            "speedup": speedup,
            "speedup_low": low,
            "speedup_high": high,
            "verdict": verdict((low, high)),
            "rtf": float(self.seconds[position].sum() / (audio_s.sum() * PAIRS)),
            "latency_ms": median(latencies),
            "latency_p90_ms": p90(latencies),
            "load_s": load_s,
            "peak_rss_mb": peak,
            "bare_rss_mb": bare,
        }
        samples = tuple(
            Sample(pair, name, float(self.seconds[position, pair, number]), float(audio_s[number]))
            for pair in range(PAIRS)
            for number, name in enumerate(self.ids)
        )
        return _Part(figures, samples=samples)


@dataclass(frozen=True)
class _Part:
    """Some of a result's figures; of those that are None why they are."""

    figures: dict[str, Any]
    unmeasured: dict[str, str] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()


_TIMED = (
    *("speedup", "speedup_low", "speedup_high", "verdict", "rtf", "latency_ms", "latency_p90_ms"),
    *("load_s", "peak_rss_mb", "bare_rss_mb"),
)
_HEARD = ("duration_drift_pct", "mel_db", "pesq", "estoi", "grade")
# One reason for all of an interval.
_SAME_AS_ANOTHER = ("speedup_low", "speedup_high")


def _nothing_timed(candidate: Candidate) -> _Part:
    reasons = {name: str(candidate.untimed) for name in _TIMED if name not in _SAME_AS_ANOTHER}
    return _Part({"pairs": 0, **dict.fromkeys(_TIMED)}, reasons)


def _sound(quality: Quality) -> _Part:
    figures = {name: getattr(quality, name) for name in _HEARD}
    return _Part(figures | {"defects": asdict(quality.defects)}, quality.unmeasured)


def _nothing_heard(candidate: Candidate) -> _Part:
    return _Part(dict.fromkeys(_HEARD) | {"defects": {}}, {name: str(candidate.untimed) for name in _HEARD})


_UNMEASURED = {"energy_j": "not part of this benchmark's method"}


def _version(ids: dict[str, list[int]], config: dict[str, Any]) -> str:
    """A hash of the method and of what is spoken: phoneme ids, since the same text gets others from another espeak."""
    spoken = {"method": METHOD, "pairs": PAIRS, "ids": ids, "inference": config.get("inference", {})}
    return hashlib.sha256(json.dumps(spoken, sort_keys=True).encode()).hexdigest()[:12]


def _within(report: Report, start: float, end: float) -> Report:
    return lambda stage, share: report(stage, start + share * (end - start))
