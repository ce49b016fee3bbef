"""A benchmark: the original and its variants in turn, in one run, each model in a process of its own.

The method has a version: change `METHOD` with whatever changes what the figures mean.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from core.benchmark.candidate import BenchmarkPlan, BenchmarkVariant
from core.benchmark.figures import MIN_PAIRS, figures_by_text, latency_ms, undisturbed_pairs, with_timing
from core.benchmark.load import LoadMeter
from core.benchmark.probe import ProbeFailed
from core.benchmark.round import BLOCK, MIN_BLOCKS, Ids, ReportProgress, Round, open_probe, record_all
from core.clock import now
from core.hardware.energy import open_meter
from core.hardware.machine import this_environment, this_machine
from core.quality.compare import Quality, Recordings, compare_sound
from core.records.benchmarks import BenchmarkRecord, ResultRecord
from core.records.metrics import Metrics
from core.voices.phonemes import phoneme_ids

METHOD = "5"

OnRecording = Callable[[str, Recordings], None]
"""Called with a candidate's name and its recordings of all texts, float32 [samples] each."""


def run(plan: BenchmarkPlan, report: ReportProgress, keep: OnRecording | None = None) -> BenchmarkRecord:
    """Measure, and have `keep` take what each candidate said. Raises ProbeFailed when a model cannot be loaded or run, BadInput for texts without phonemes."""
    report("phonemes", 0.0)
    ids = {name: phoneme_ids(plan.config, text) for name, text in plan.texts.texts.items()}
    phonemes_ms = _phonemes_ms(plan)
    plan = replace(plan, candidates=tuple(_tried(candidate, plan, ids) for candidate in plan.candidates))
    evaluated = _evaluated(plan, ids, report)
    rounds = [Round(plan, threads, ids, plan.budget_s / len(plan.threads)) for threads in plan.threads]
    meter, own_cpu = LoadMeter.start(), time.process_time()
    for number, one in enumerate(rounds):
        # The sound does not hang on the threads: it is recorded once, at all cores.
        one.measure(_within(report, number / len(rounds), (number + 1) / len(rounds)), meter.look, one is rounds[-1])
    load = meter.stop(time.process_time() - own_cpu + sum(one.cpu_s for one in rounds))
    report("comparing the sound", 1.0)
    recordings = rounds[-1].recordings | evaluated
    for name, spoken in recordings.items():
        if keep:
            keep(name, spoken)
    original = recordings[plan.candidates[0].name]
    qualities = {name: compare_sound(original, spoken, plan.sample_rate) for name, spoken in recordings.items()}
    return BenchmarkRecord(
        id=str(uuid.uuid4()),
        voice_id=plan.voice_id,
        voice_key=plan.voice_key,
        machine=this_machine(),
        environment=this_environment(),
        version=_version(ids, plan.config),
        texts={
            "name": plan.texts.name,
            "latency_text": plan.texts.latency_text,
            "texts": plan.texts.texts,
            "phonemes_ms": phonemes_ms,
        },
        load=load,
        created_at=now(),
        results=tuple(
            _result(plan, one, candidate, qualities.get(candidate.name), phonemes_ms, bool(load["throttled"]))
            for one in rounds
            for candidate in plan.candidates
        ),
    )


def _phonemes_ms(plan: BenchmarkPlan) -> float:
    """What the text that gives the latency takes to become phonemes; the first time of all is not counted."""
    started = time.perf_counter()
    phoneme_ids(plan.config, plan.texts.texts[plan.texts.latency_text])
    return (time.perf_counter() - started) * 1000


def _tried(candidate: BenchmarkVariant, plan: BenchmarkPlan, ids: Ids) -> BenchmarkVariant:
    """The candidate, or why its engine cannot run it: Core ML takes some models on some machines only."""
    if candidate.engine not in ("coreml", "onnxruntime-coreml"):
        return candidate
    try:
        with open_probe(candidate, plan, None) as probe:
            probe.run(next(iter(ids.values())))
    except ProbeFailed as error:
        return replace(candidate, engine=None, untimed=str(error))
    return candidate


def _evaluated(plan: BenchmarkPlan, ids: Ids, report: ReportProgress) -> dict[str, Recordings]:
    """What those candidates say whose sound can be told, but not their speed."""
    spoken = {}
    for candidate in plan.candidates:
        if candidate.untimed and candidate.engine:
            report(f"evaluating {candidate.name}, which cannot run here", 0.0)
            with open_probe(candidate, plan, None) as probe:
                spoken[candidate.name] = record_all(probe, ids)
    return spoken


def _result(
    plan: BenchmarkPlan,
    one: Round,
    candidate: BenchmarkVariant,
    quality: Quality | None,
    phonemes_ms: float,
    throttled: bool,
) -> ResultRecord:
    original, latency_text = one.measured(plan.candidates[0]), plan.texts.latency_text
    measured = None if candidate.untimed else one.measured(candidate)
    metrics = Metrics(
        original_latency_ms=latency_ms(original, latency_text),
        size_bytes=candidate.size_bytes,
        program_db=candidate.program_db,
    )
    if measured:
        metrics = with_timing(metrics, original, measured, latency_text, phonemes_ms)
    if quality:
        metrics = _with_sound(metrics, quality)
    return ResultRecord(
        id=str(uuid.uuid4()),
        variant=candidate.name,
        variant_sha256=candidate.sha256,
        recipe=candidate.recipe,
        engine=candidate.engine,
        threads=one.threads,
        stock=one.stock,
        metrics=metrics,
        noisy=throttled or not _has_quiet_pairs(plan, one, candidate),
        unmeasured=_unmeasured(metrics, one, candidate, quality),
        samples=measured.samples if measured else (),
        starts=measured.starts if measured else (),
        parallel_runs=measured.parallel_runs if measured else (),
        texts=figures_by_text(original, measured) if measured else (),
    )


def _has_quiet_pairs(plan: BenchmarkPlan, one: Round, candidate: BenchmarkVariant) -> bool:
    """Enough of them; beside a candidate that cannot be timed here, those of the original alone."""
    original = one.measured(plan.candidates[0]).samples
    samples = original if candidate.untimed else one.measured(candidate).samples
    return len(undisturbed_pairs(original, samples)) >= MIN_PAIRS


def _with_sound(metrics: Metrics, quality: Quality) -> Metrics:
    return replace(
        metrics,
        duration_drift_pct=quality.duration_drift_pct,
        mel_db=quality.mel_db,
        pesq=quality.pesq,
        estoi=quality.estoi,
        defects=asdict(quality.defects),
        grade=quality.grade,
    )


# One reason for all of an interval, and for what goes with a throughput. Only Core ML has a program.
_WITHOUT_REASON = ("speedup_ci", "requests", "program_db")


def _unmeasured(metrics: Metrics, one: Round, candidate: BenchmarkVariant, quality: Quality | None) -> dict[str, str]:
    """Why metrics are None."""
    reasons = quality.unmeasured if quality else {}
    empty = [name for name, value in vars(metrics).items() if value is None and name not in _WITHOUT_REASON]
    if candidate.untimed:
        return {name: candidate.untimed for name in empty if name not in reasons} | reasons
    meter = open_meter()
    reasons = {
        "energy_j": meter if isinstance(meter, str) else "its counter could not be read",
        "cold_start_s": one.not_cold.get(candidate.name, ""),
        "throughput": "Core ML's Python interface takes one request at a time",
        **dict.fromkeys(("rtf", "cpu_s_per_audio_s"), "it said nothing"),
        **reasons,
    }
    return {name: reason for name, reason in reasons.items() if name in empty}


def _version(ids: Ids, config: dict[str, Any]) -> str:
    """A hash of the method and of what is spoken: phoneme ids, since the same text gets others from another espeak."""
    spoken = {
        "method": METHOD,
        "block": BLOCK,
        "blocks": MIN_BLOCKS,
        "ids": ids,
        "inference": config.get("inference", {}),
    }
    return hashlib.sha256(json.dumps(spoken, sort_keys=True).encode()).hexdigest()[:12]


def _within(report: ReportProgress, start: float, end: float) -> ReportProgress:
    return lambda stage, share: report(stage, start + share * (end - start))
