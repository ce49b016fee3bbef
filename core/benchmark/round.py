"""One thread count of a benchmark: blocks of pairs, each with fresh processes, until the speed-ups are precise enough.

Within a pair every model speaks every text, in the order of the plan in one pair and in reverse order in the next, so that
disturbances affect all models alike. Each block starts fresh processes, because a process may be a few percent faster than
its twin for its whole life, depending on where its memory happens to be. Disturbed pairs are made up for by additional
ones.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from core.benchmark.candidate import BenchmarkPlan, BenchmarkVariant
from core.benchmark.judging import JudgedText, Spoken, record
from core.benchmark.load import ExternalLoad
from core.benchmark.page_cache import evict
from core.benchmark.probe import Probe
from core.benchmark.statistics import ci_width
from core.benchmark.timing import MIN_PAIRS, Measurements, Memory, speedup, undisturbed_pairs
from core.hardware.detection import usable_cores
from core.records.benchmarks import ParallelRun, Sample, Startup

BLOCK = 5
"""Pairs that share their processes."""
MIN_BLOCKS = MIN_PAIRS // BLOCK
_PARALLEL_RUNS = 2
# The share of the progress of a round that its first `MIN_BLOCKS` blocks account for.
_FIRST_SHARE = 0.6

Ids = dict[str, list[int]]
"""Name of a text -> its phoneme ids."""
ReportProgress = Callable[[str, float], None]
"""Called with the stage and the completed share of the whole run, 0..1."""


@dataclass
class _Raw:
    """What has been measured of one variant so far."""

    samples: list[Sample] = field(default_factory=list)
    starts: list[Startup] = field(default_factory=list)
    parallel_runs: list[ParallelRun] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)

    def measured(self) -> Measurements:
        return Measurements(tuple(self.samples), tuple(self.starts), tuple(self.parallel_runs), tuple(self.memory))


class Round:
    """The benchmark of all variants of a plan that can be timed, at one thread count.

    It always measures `MIN_BLOCKS` blocks, and more while they fit into `budget_s`.
    """

    def __init__(
        self, plan: BenchmarkPlan, threads: int, ids: Ids, judged: dict[str, JudgedText], budget_s: float
    ) -> None:
        self.plan, self.threads, self.ids, self.judged, self.budget_s = plan, threads, ids, judged, budget_s
        self.stock = threads == usable_cores()
        self.label = "1 thread" if threads == 1 else f"{threads} threads"
        self.cpu_s = 0.0
        self.recordings: dict[str, Spoken] = {}
        self.not_cold: dict[str, str] = {}
        self._raw = {variant.name: _Raw() for variant in plan.timed}

    def measure(self, report: ReportProgress, sample_clock: Callable[[], None], keep: bool) -> None:
        """Measure. Call `sample_clock` while the models work; with `keep`, keep recordings of all texts."""
        self._began, self._report = time.monotonic(), report
        number, active = 0, list(self.plan.timed)
        while active:
            began = time.monotonic()
            self._measure_block(number, active, sample_clock, keep and number == 0)
            number += 1
            if number < MIN_BLOCKS:
                continue
            active = self._imprecise(active)
            if time.monotonic() + (time.monotonic() - began) > self._began + self.budget_s:
                break

    def measured(self, variant: BenchmarkVariant) -> Measurements:
        """Return everything measured of a variant so far."""
        return self._raw[variant.name].measured()

    def _imprecise(self, active: Sequence[BenchmarkVariant]) -> list[BenchmarkVariant]:
        """Return the original and the variants with too few undisturbed pairs or too wide an interval, [] if there are none."""
        original, *variants = active
        samples = self._raw[original.name].samples
        imprecise = [variant for variant in variants if not self._is_precise(samples, self._raw[variant.name].samples)]
        return [original, *imprecise] if imprecise else []

    def _is_precise(self, original: Sequence[Sample], samples: Sequence[Sample]) -> bool:
        middle, low, high = speedup(original, samples)
        return len(undisturbed_pairs(original, samples)) >= MIN_PAIRS and ci_width(low, high, middle) <= self.plan.width

    def _report_stage(self, stage: str, blocks: float) -> None:
        """Report progress after so many blocks: by their number up to `MIN_BLOCKS`, then by the share of the budget spent."""
        first = min(1.0, blocks / MIN_BLOCKS) * _FIRST_SHARE
        spent = min(1.0, (time.monotonic() - self._began) / self.budget_s) if blocks >= MIN_BLOCKS else 0.0
        self._report(f"{stage}, {self.label}", first + (1 - _FIRST_SHARE) * spent)

    def _measure_block(
        self, number: int, active: Sequence[BenchmarkVariant], sample_clock: Callable[[], None], keep: bool
    ) -> None:
        with ExitStack() as stack:
            self._report_stage("loading", number)
            probes = [self._start(stack, variant, cold=number % 2 == 0) for variant in active]
            for text in self.ids.values():
                for probe in probes:
                    probe.run(text)
            for pair in range(number * BLOCK, (number + 1) * BLOCK):
                self._report_stage(f"pair {pair + 1}", pair / BLOCK)
                self._run_pair(pair, probes)
                sample_clock()
            self._record_memory(probes)
            if keep:
                self._report_stage("recording", number + 1)
                self.recordings |= {probe.name: record(probe, self.ids, self.judged) for probe in probes}
            self._run_parallel(active, probes)
            self.cpu_s += sum(probe.usage().cpu_s for probe in probes)

    def _start(self, stack: ExitStack, variant: BenchmarkVariant, cold: bool) -> Probe:
        starts = self._raw[variant.name].starts
        not_cold = evict(variant.path) if cold else None
        if not_cold:
            self.not_cold[variant.name] = not_cold
        probe = stack.enter_context(open_probe(variant, self.plan, None if self.stock else self.threads))
        loaded = time.monotonic() - probe.started
        shortest = min(self.ids.values(), key=len)
        first = loaded + probe.run(shortest).first_audio_s
        starts.append(Startup(len(starts), cold and not not_cold, probe.load_s, first))
        return probe

    def _run_pair(self, pair: int, probes: Sequence[Probe]) -> None:
        in_order = probes if pair % 2 == 0 else probes[::-1]
        for text, ids in self.ids.items():
            for probe in in_order:
                external, own_cpu = ExternalLoad.start(), time.process_time()
                synthesis = probe.run(ids)
                others = external.share(synthesis.cpu_s + time.process_time() - own_cpu)
                self._raw[probe.name].samples.append(
                    Sample(
                        pair=pair,
                        text=text,
                        seconds=synthesis.seconds,
                        audio_seconds=synthesis.samples / self.plan.sample_rate,
                        first_audio_seconds=synthesis.first_audio_s,
                        cpu_seconds=synthesis.cpu_s,
                        joules=synthesis.joules,
                        others_share=others,
                    )
                )

    def _record_memory(self, probes: Sequence[Probe]) -> None:
        for probe in probes:
            usage = probe.usage()
            self._raw[probe.name].memory.append(Memory(probe.bare_rss_mb, usage.peak_rss_mb, usage.rss_mb))

    def _run_parallel(self, active: Sequence[BenchmarkVariant], probes: Sequence[Probe]) -> None:
        """Measure throughput, after memory: parallel requests need more of it than one."""
        requests = max(2, usable_cores())
        ids = self.ids[self.plan.texts.latency_text]
        for _ in range(_PARALLEL_RUNS):
            for variant, probe in zip(active, probes, strict=True):
                if not variant.takes_parallel_requests:
                    continue
                runs = self._raw[probe.name].parallel_runs
                seconds, samples = probe.run_parallel(ids, requests)
                runs.append(ParallelRun(len(runs), requests, seconds, samples / self.plan.sample_rate))


def open_probe(variant: BenchmarkVariant, plan: BenchmarkPlan, threads: int | None) -> Probe:
    """Load a variant in a process; `threads` is None for ONNX Runtime's default session options."""
    return Probe(variant.name, variant.engine or "onnxruntime", variant.path, threads, plan.config)
