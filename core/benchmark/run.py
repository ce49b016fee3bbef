"""A benchmark run: the original and its variants, interleaved, one process per model.

Increase `METHOD` with every change to what the results mean: it is part of the version of a benchmark.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from core.benchmark.candidate import BenchmarkPlan, BenchmarkVariant
from core.benchmark.judging import VERSION as JUDGED
from core.benchmark.judging import Spoken, judged_texts, record
from core.benchmark.load import LoadMeter
from core.benchmark.probe import ProbeFailed
from core.benchmark.round import BLOCK, MIN_BLOCKS, Ids, ReportProgress, Round, open_probe
from core.benchmark.sound import VariantSound, judge, sound_by_text, with_sound
from core.benchmark.timing import MIN_PAIRS, latency_ms, metrics_by_text, undisturbed_pairs, with_timing
from core.clock import now
from core.hardware.energy import open_meter
from core.hardware.limits import read_limits
from core.hardware.machine import this_environment, this_machine
from core.quality.compare import Recordings
from core.records.benchmarks import BenchmarkRecord, ResultRecord
from core.records.metrics import Metrics
from core.voices.phonemes import phoneme_ids

METHOD = "6"

OnRecording = Callable[[str, Recordings], None]
"""Called with the name of a variant and its recordings of all texts, float32 [samples] each."""


def run(plan: BenchmarkPlan, report: ReportProgress, on_recording: OnRecording | None = None) -> BenchmarkRecord:
    """Run a benchmark and pass the recordings of each variant to `on_recording`.

    Raises ProbeFailed when a model cannot be loaded or run, InvalidInput for texts without phonemes.
    """
    report("phonemes", 0.0)
    ids = plan.texts.ids(plan.config)
    phonemes_ms = _phonemes_ms(plan)
    plan = replace(plan, candidates=tuple(_check_engine(variant, plan, ids) for variant in plan.candidates))
    judged = judged_texts(plan.texts, plan.config)
    evaluated = _record_untimed(plan, ids, report)
    rounds = [Round(plan, threads, ids, judged, plan.budget_s / len(plan.threads)) for threads in plan.threads]
    meter, own_cpu = LoadMeter.start(), time.process_time()
    for number, one in enumerate(rounds):
        # The sound does not depend on the thread count: it is recorded once, in the last round.
        one.measure(
            _within(report, number / len(rounds), (number + 1) / len(rounds)), meter.sample_clock, one is rounds[-1]
        )
    load = meter.stop(time.process_time() - own_cpu + sum(one.cpu_s for one in rounds))
    report("comparing the sound", 1.0)
    recordings = rounds[-1].recordings | evaluated
    for name, spoken in recordings.items():
        if on_recording:
            on_recording(name, spoken.texts)
    original = recordings[plan.candidates[0].name]
    sounds = {name: judge(original, spoken, plan.sample_rate, [*ids, *judged]) for name, spoken in recordings.items()}
    return BenchmarkRecord(
        id=str(uuid.uuid4()),
        voice_id=plan.voice_id,
        voice_key=plan.voice_key,
        machine=this_machine(),
        environment=this_environment(),
        version=_version(ids, plan.config),
        texts=plan.texts.to_json()
        | {"phonemes_ms": phonemes_ms, "judged": {name: text.text for name, text in judged.items()}},
        load=load | {"limits": read_limits().to_json()},
        created_at=now(),
        results=tuple(
            _result(plan, one, variant, sounds.get(variant.name), phonemes_ms, bool(load["throttled"]))
            for one in rounds
            for variant in plan.candidates
        ),
    )


def _phonemes_ms(plan: BenchmarkPlan) -> float | None:
    """Time the conversion of the latency text to phonemes; call it after a first conversion, which loads espeak.

    Returns None for generated texts, which are phonemes from the start.
    """
    if plan.texts.phonemes:
        return None
    started = time.perf_counter()
    phoneme_ids(plan.config, plan.texts.texts[plan.texts.latency_text])
    return (time.perf_counter() - started) * 1000


def _check_engine(variant: BenchmarkVariant, plan: BenchmarkPlan, ids: Ids) -> BenchmarkVariant:
    """Return the variant, untimed with the reason if Core ML cannot run it on this machine."""
    if variant.engine not in ("coreml", "onnxruntime-coreml"):
        return variant
    try:
        with open_probe(variant, plan, None) as probe:
            probe.run(next(iter(ids.values())))
    except ProbeFailed as error:
        return replace(variant, engine=None, untimed=str(error))
    return variant


def _record_untimed(plan: BenchmarkPlan, ids: Ids, report: ReportProgress) -> dict[str, Spoken]:
    """Record the variants whose sound can be judged on this machine, but not their speed: an evaluation is slow."""
    spoken = {}
    for variant in plan.candidates:
        if variant.untimed and variant.engine:
            report(f"evaluating {variant.name}, which cannot run on this machine", 0.0)
            with open_probe(variant, plan, None) as probe:
                spoken[variant.name] = record(probe, ids, {})
    return spoken


def _result(
    plan: BenchmarkPlan,
    one: Round,
    variant: BenchmarkVariant,
    sound: VariantSound | None,
    phonemes_ms: float | None,
    throttled: bool,
) -> ResultRecord:
    original, latency_text = one.measured(plan.candidates[0]), plan.texts.latency_text
    measured = None if variant.untimed else one.measured(variant)
    metrics = Metrics(
        original_latency_ms=latency_ms(original, latency_text),
        size_bytes=variant.size_bytes,
        program_db=variant.program_db,
    )
    if measured:
        metrics = with_timing(metrics, original, measured, latency_text, phonemes_ms)
    if sound:
        metrics = with_sound(metrics, sound)
    return ResultRecord(
        id=str(uuid.uuid4()),
        variant=variant.name,
        variant_sha256=variant.sha256,
        recipe=variant.recipe,
        engine=variant.engine,
        threads=one.threads,
        stock=one.stock,
        metrics=metrics,
        noisy=throttled or not _has_undisturbed_pairs(plan, one, variant),
        unmeasured=_unmeasured(metrics, one, variant, sound),
        samples=measured.samples if measured else (),
        starts=measured.starts if measured else (),
        parallel_runs=measured.parallel_runs if measured else (),
        texts=metrics_by_text(original, measured) if measured else (),
        sounds=sound_by_text(sound) if sound else (),
    )


def _has_undisturbed_pairs(plan: BenchmarkPlan, one: Round, variant: BenchmarkVariant) -> bool:
    """Return whether enough pairs were undisturbed; for a variant that was not timed, of the original alone."""
    original = one.measured(plan.candidates[0]).samples
    samples = original if variant.untimed else one.measured(variant).samples
    return len(undisturbed_pairs(original, samples)) >= MIN_PAIRS


# The interval is explained by the speed-up, the requests by the throughput, the frequency by the tone, the worst of the texts
# by their mean. Only Core ML variants have a program.
_WITHOUT_REASON = (
    *("speedup_ci", "requests", "tone_hz", "program_db"),
    *("worst_mel_db", "worst_pesq", "worst_estoi", "worst_text"),
)


def _unmeasured(metrics: Metrics, one: Round, variant: BenchmarkVariant, sound: VariantSound | None) -> dict[str, str]:
    """Return the reason for each metric that is None."""
    reasons = sound.unmeasured if sound else {}
    empty = [name for name, value in vars(metrics).items() if value is None and name not in _WITHOUT_REASON]
    if variant.untimed:
        return {name: variant.untimed for name in empty if name not in reasons} | reasons
    meter = open_meter()
    reasons = {
        "energy_j": meter if isinstance(meter, str) else "the energy counter could not be read",
        "cold_start_s": one.not_cold.get(variant.name, ""),
        "ttfa_ms": "no time to make phonemes: the texts were generated from them" if one.plan.texts.phonemes else "",
        "throughput": "Core ML's Python interface serves one request at a time",
        **dict.fromkeys(("rtf", "cpu_s_per_audio_s"), "it produced no audio"),
        **reasons,
    }
    return {name: reason for name, reason in reasons.items() if name in empty}


def _version(ids: Ids, config: dict[str, Any]) -> str:
    """Return a hash of the method and of the phoneme ids, which depend on the version of espeak, unlike the texts."""
    spoken = {
        "method": METHOD,
        "block": BLOCK,
        "blocks": MIN_BLOCKS,
        "ids": ids,
        "judged": JUDGED,
        "inference": config.get("inference", {}),
    }
    return hashlib.sha256(json.dumps(spoken, sort_keys=True).encode()).hexdigest()[:12]


def _within(report: ReportProgress, start: float, end: float) -> ReportProgress:
    return lambda stage, share: report(stage, start + share * (end - start))
