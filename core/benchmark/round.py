"""One thread count of a benchmark: blocks of pairs, each with fresh processes, until the speed-ups are known well enough.

Within a pair every text is said by every model in turn, forwards in one pair and backwards in the next: what disturbs the
machine meanwhile disturbs them alike. Each block starts its processes anew, since one process may be a few percent faster
than its twin for as long as it lives, by where its memory happens to lie. Pairs that others disturbed are made up for by
more.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from core.benchmark.candidate import BenchmarkPlan, BenchmarkVariant
from core.benchmark.figures import MIN_PAIRS, Measurements, Memory, speedup, undisturbed_pairs
from core.benchmark.load import ExternalLoad
from core.benchmark.page_cache import evict
from core.benchmark.probe import Probe
from core.benchmark.statistics import ci_width
from core.hardware.detection import usable_cores
from core.quality.compare import Recordings
from core.records.benchmarks import ParallelRun, Sample, Startup

BLOCK = 5
"""Pairs with the same processes."""
MIN_BLOCKS = MIN_PAIRS // BLOCK
_PARALLEL_RUNS = 2
# Of a round's progress: what its first blocks are, which there always are.
_FIRST_SHARE = 0.6

Ids = dict[str, list[int]]
"""Phoneme ids by the text's name."""
ReportProgress = Callable[[str, float], None]
"""Called with the stage and the share of the whole run that is done, 0..1."""


@dataclass
class _Raw:
    """What has been measured of one candidate so far."""

    samples: list[Sample] = field(default_factory=list)
    starts: list[Startup] = field(default_factory=list)
    parallel_runs: list[ParallelRun] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)

    def measured(self) -> Measurements:
        return Measurements(tuple(self.samples), tuple(self.starts), tuple(self.parallel_runs), tuple(self.memory))


class Round:
    """All candidates of a plan that can be timed, at one thread count, for at most `budget_s` after the first two blocks."""

    def __init__(self, plan: BenchmarkPlan, threads: int, ids: Ids, budget_s: float) -> None:
        self.plan, self.threads, self.ids, self.budget_s = plan, threads, ids, budget_s
        self.stock = threads == usable_cores()
        self.label = "1 thread" if threads == 1 else f"{threads} threads"
        self.cpu_s = 0.0
        self.recordings: dict[str, Recordings] = {}
        self.not_cold: dict[str, str] = {}
        self._raw = {candidate.name: _Raw() for candidate in plan.timed}

    def measure(self, report: ReportProgress, look: Callable[[], None], record: bool) -> None:
        """`look` is called while the models work; with `record` what they say is kept."""
        self._began, self._report = time.monotonic(), report
        number, active = 0, list(self.plan.timed)
        while active:
            began = time.monotonic()
            self._measure_block(number, active, look, record and number == 0)
            number += 1
            if number < MIN_BLOCKS:
                continue
            active = self._not_yet_known(active)
            if time.monotonic() + (time.monotonic() - began) > self._began + self.budget_s:
                break

    def measured(self, candidate: BenchmarkVariant) -> Measurements:
        return self._raw[candidate.name].measured()

    def _not_yet_known(self, active: Sequence[BenchmarkVariant]) -> list[BenchmarkVariant]:
        """Those of which too few pairs were quiet or the interval is wider than wanted, behind the original; nothing when all are known."""
        original, *variants = active
        beside = self._raw[original.name].samples
        wide = [variant for variant in variants if not self._is_known(beside, self._raw[variant.name].samples)]
        return [original, *wide] if wide else []

    def _is_known(self, original: Sequence[Sample], samples: Sequence[Sample]) -> bool:
        middle, low, high = speedup(original, samples)
        return len(undisturbed_pairs(original, samples)) >= MIN_PAIRS and ci_width(low, high, middle) <= self.plan.width

    def _tell(self, stage: str, blocks: float) -> None:
        """`blocks` are done. How many there will be nobody knows: from the second on the budget tells how far it is."""
        first = min(1.0, blocks / MIN_BLOCKS) * _FIRST_SHARE
        spent = min(1.0, (time.monotonic() - self._began) / self.budget_s) if blocks >= MIN_BLOCKS else 0.0
        self._report(f"{stage}, {self.label}", first + (1 - _FIRST_SHARE) * spent)

    def _measure_block(
        self, number: int, active: Sequence[BenchmarkVariant], look: Callable[[], None], record: bool
    ) -> None:
        with ExitStack() as stack:
            self._tell("loading", number)
            probes = [self._start(stack, candidate, cold=number % 2 == 0) for candidate in active]
            for text in self.ids.values():
                for probe in probes:
                    probe.run(text)
            for pair in range(number * BLOCK, (number + 1) * BLOCK):
                self._tell(f"pair {pair + 1}", pair / BLOCK)
                self._run_pair(pair, probes)
                look()
            self._note_memory(probes)
            if record:
                self._tell("recording", number + 1)
                self.recordings |= {probe.name: record_all(probe, self.ids) for probe in probes}
            self._run_parallel(active, probes)
            self.cpu_s += sum(probe.usage().cpu_s for probe in probes)

    def _start(self, stack: ExitStack, candidate: BenchmarkVariant, cold: bool) -> Probe:
        starts = self._raw[candidate.name].starts
        not_cold = evict(candidate.path) if cold else None
        if not_cold:
            self.not_cold[candidate.name] = not_cold
        probe = stack.enter_context(open_probe(candidate, self.plan, None if self.stock else self.threads))
        loaded = time.monotonic() - probe.started
        shortest = min(self.ids.values(), key=len)
        first = loaded + probe.run(shortest).first_audio_s
        starts.append(Startup(len(starts), cold and not not_cold, probe.load_s, first))
        return probe

    def _run_pair(self, pair: int, probes: Sequence[Probe]) -> None:
        turn = probes if pair % 2 == 0 else probes[::-1]
        for text, ids in self.ids.items():
            for probe in turn:
                bystander, own_cpu = ExternalLoad.start(), time.process_time()
                said = probe.run(ids)
                others = bystander.others_share(said.cpu_s + time.process_time() - own_cpu)
                self._raw[probe.name].samples.append(
                    Sample(
                        pair=pair,
                        text=text,
                        seconds=said.seconds,
                        audio_seconds=said.samples / self.plan.sample_rate,
                        first_audio_seconds=said.first_audio_s,
                        cpu_seconds=said.cpu_s,
                        joules=said.joules,
                        others_share=others,
                    )
                )

    def _note_memory(self, probes: Sequence[Probe]) -> None:
        for probe in probes:
            usage = probe.usage()
            self._raw[probe.name].memory.append(Memory(probe.bare_rss_mb, usage.peak_rss_mb, usage.rss_mb))

    def _run_parallel(self, active: Sequence[BenchmarkVariant], probes: Sequence[Probe]) -> None:
        """Last of all: what several requests hold at once is not what one does."""
        requests = max(2, usable_cores())
        ids = self.ids[self.plan.texts.latency_text]
        for _ in range(_PARALLEL_RUNS):
            for candidate, probe in zip(active, probes, strict=True):
                if not candidate.takes_parallel_requests:
                    continue
                runs = self._raw[probe.name].parallel_runs
                seconds, samples = probe.run_parallel(ids, requests)
                runs.append(ParallelRun(len(runs), requests, seconds, samples / self.plan.sample_rate))


def open_probe(candidate: BenchmarkVariant, plan: BenchmarkPlan, threads: int | None) -> Probe:
    return Probe(candidate.name, candidate.engine or "onnxruntime", candidate.path, threads, plan.config)


def record_all(probe: Probe, ids: Ids) -> Recordings:
    """What a model says of each text, float32 [samples]."""
    with tempfile.TemporaryDirectory(prefix="ttsdash-") as folder:
        file = Path(folder) / "audio.npy"
        return [probe.record(text, file) for text in ids.values()]
