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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.benchmark.load import LoadMeter
from core.benchmark.probe import Probe
from core.benchmark.record import BenchmarkRecord, ResultRecord, Sample
from core.benchmark.statistics import bootstrap_median, median, p90
from core.benchmark.texts import TextSet
from core.benchmark.verdict import verdict
from core.clock import now
from core.hardware.machine import this_environment, this_machine
from core.hardware.probes import usable_cores
from core.phonemes import phoneme_ids
from core.quality.compare import Quality, compare

METHOD = "3"
PAIRS = 10
_WARM_UP = 1

Report = Callable[[str, float], None]
"""Called with the stage and the share of the whole run that is done, 0..1."""


Keep = Callable[[str, list[npt.NDArray[np.float32]]], None]
"""Called with a candidate's name and its recordings of all texts, float32 [samples] each."""


@dataclass(frozen=True)
class Candidate:
    """A variant as a benchmark needs it; the first one given is the original."""

    name: str
    path: Path
    sha256: str
    size_bytes: int
    recipe: str | None


@dataclass(frozen=True)
class Plan:
    """What is measured: candidates at each thread count, on each text."""

    voice_id: str
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
    meter = LoadMeter.start()
    record = BenchmarkRecord(
        id=str(uuid.uuid4()),
        voice_id=plan.voice_id,
        machine=this_machine(),
        environment=this_environment(),
        version=_version(ids, plan.config),
        texts={"name": plan.texts.name, "latency_text": plan.texts.latency_text, "texts": plan.texts.texts},
        load={},
        created_at=now(),
    )
    rounds = [_Round(plan, threads, ids) for threads in plan.threads]
    own_cpu = time.process_time()
    for number, one in enumerate(rounds):
        one.measure(_within(report, number / len(rounds), (number + 1) / len(rounds)))
    load = meter.stop(time.process_time() - own_cpu + sum(one.cpu_s for one in rounds))
    for candidate, recordings in zip(plan.candidates, rounds[-1].recordings, strict=True):
        if keep:
            keep(candidate.name, recordings)
    results = tuple(result for one in rounds for result in one.results(load["noisy"]))
    return BenchmarkRecord(**{**record.__dict__, "load": load, "results": results})


class _Round:
    """All candidates at one thread count."""

    def __init__(self, plan: Plan, threads: int, ids: dict[str, list[int]]) -> None:
        self.plan, self.threads, self.ids = plan, threads, ids
        self.stock = threads == usable_cores()
        self.cpu_s = 0.0
        self.seconds = np.zeros((len(plan.candidates), PAIRS, len(ids)))
        self.samples = np.zeros((len(plan.candidates), len(ids)), dtype=int)
        self.probes: list[tuple[float, float, float]] = []
        self.recordings: list[list[npt.NDArray[np.float32]]] = []
        self.quality: list[Quality] = []

    def measure(self, report: Report) -> None:
        label = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        with ExitStack() as stack:
            report(f"loading, {label}", 0.0)
            probes = [stack.enter_context(self._probe(candidate)) for candidate in self.plan.candidates]
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
            self.quality = self._compare(probes)

    def _probe(self, candidate: Candidate) -> Probe:
        return Probe(candidate.name, candidate.path, None if self.stock else self.threads, self.plan.config)

    def _run_pair(self, probes: list[Probe], pair: int) -> None:
        """Every text, by every model in turn: what disturbs the machine meanwhile disturbs them alike."""
        for number, text in enumerate(self.ids.values()):
            for position, probe in enumerate(probes):
                self.seconds[position, pair, number] = probe.run(text)[0]

    def _compare(self, probes: list[Probe]) -> list[Quality]:
        with tempfile.TemporaryDirectory(prefix="ttsdash-") as folder:
            file = Path(folder) / "audio.npy"
            self.recordings = [[probe.record(text, file) for text in self.ids.values()] for probe in probes]
        sample_rate = int(self.plan.config["audio"]["sample_rate"])
        return [compare(self.recordings[0], variant, sample_rate) for variant in self.recordings]

    def results(self, noisy: bool) -> list[ResultRecord]:
        return [self._result(position, noisy) for position in range(len(self.plan.candidates))]

    def _result(self, position: int, noisy: bool) -> ResultRecord:
        candidate, quality = self.plan.candidates[position], self.quality[position]
        load_s, bare, peak = self.probes[position]
        names = list(self.ids)
        latency_text = names.index(self.plan.texts.latency_text)
        latencies = list(self.seconds[position, :, latency_text] * 1000)
        totals = self.seconds.sum(axis=2)
        speedup, low, high = bootstrap_median(totals[0] / totals[position])
        audio_s = self.samples[position] / int(self.plan.config["audio"]["sample_rate"])
        figures = {
            "id": str(uuid.uuid4()),
            "variant": candidate.name,
            "variant_sha256": candidate.sha256,
            "recipe": candidate.recipe,
            "threads": self.threads,
            "stock": self.stock,
            "pairs": PAIRS,
            "speedup": speedup,
            "speedup_low": low,
            "speedup_high": high,
            "verdict": verdict((low, high)),
            "rtf": float(self.seconds[position].sum() / (audio_s.sum() * PAIRS)),
            "latency_ms": median(latencies),
            "latency_p90_ms": p90(latencies),
            "original_latency_ms": median(list(self.seconds[0, :, latency_text] * 1000)),
            "load_s": load_s,
            "peak_rss_mb": peak,
            "bare_rss_mb": bare,
            "energy_j": None,
            "size_bytes": candidate.size_bytes,
            "duration_drift_pct": quality.duration_drift_pct,
            "mel_db": quality.mel_db,
            "pesq": quality.pesq,
            "estoi": quality.estoi,
            "defects": asdict(quality.defects),
            "grade": quality.grade,
            "noisy": noisy,
            "unmeasured": _UNMEASURED | quality.unmeasured,
        }
        samples = tuple(
            Sample(pair, name, float(self.seconds[position, pair, number]), float(audio_s[number]))
            for pair in range(PAIRS)
            for number, name in enumerate(names)
        )
        return ResultRecord(figures, samples)


_UNMEASURED = {"energy_j": "not part of this benchmark's method"}


def _version(ids: dict[str, list[int]], config: dict[str, Any]) -> str:
    """A hash of the method and of what is spoken: phoneme ids, since the same text gets others from another espeak."""
    spoken = {"method": METHOD, "pairs": PAIRS, "ids": ids, "inference": config.get("inference", {})}
    return hashlib.sha256(json.dumps(spoken, sort_keys=True).encode()).hexdigest()[:12]


def _within(report: Report, start: float, end: float) -> Report:
    return lambda stage, share: report(stage, start + share * (end - start))
