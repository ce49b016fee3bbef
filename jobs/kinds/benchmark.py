"""A `benchmark` job: measures variants of a voice beside the original."""

import dataclasses
import logging
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.benchmark.candidate import BenchmarkPlan, BenchmarkVariant, default_threads
from core.benchmark.run import run as run_benchmark
from core.benchmark.texts import TextSet, texts_for, texts_of_file
from core.engines.names import BY_PROVIDER, EngineName
from core.errors import InvalidInput
from core.quality.recordings import recording_pair, write_recording
from core.records.voices import NOT_RUN, ORIGINAL, Variant, Voice
from core.settings import read_settings
from core.variants.checksums import integrity_error
from core.variants.recipes import RECIPES
from core.voices.sentences import label_of
from jobs.context import JobContext
from jobs.finished import FinishedWork
from jobs.storing import store_finished

_log = logging.getLogger("ttsdash.job")


def run(context: JobContext) -> None:
    """Measure what the job asks for and store the results."""
    voice, params, settings = context.voice, context.job.params, read_settings(context.workspace)
    context.report("checking the files", 0.0)
    names = [ORIGINAL, *params["variants"]]
    candidates = [_candidate(voice.variant(name), voice) for name in names]
    unusable = [candidate for candidate in candidates if candidate.untimed and candidate.engine is None]
    if candidates[0] in unusable or len(unusable) == len(candidates) - 1 > 0:
        raise InvalidInput(f"{unusable[0].name} cannot be measured: {unusable[0].untimed}; add or make it again")
    for candidate in unusable:
        _log.warning("%s cannot be measured: %s", candidate.name, candidate.untimed)
    plan = BenchmarkPlan(
        voice_id=voice.source_sha256,
        voice_key=voice.key,
        config=voice.config,
        candidates=(*candidates, *_with_coreml_provider(candidates[0])),
        texts=_texts(voice, params["texts_file"], params.get("texts")),
        threads=tuple(params["threads"]) or default_threads(),
        width=params.get("width") or settings.benchmark_width,
        budget_s=params.get("budget_s") or settings.benchmark_budget_s,
    )
    spoken: dict[str, list[npt.NDArray[np.float32]]] = {}
    try:
        record = run_benchmark(plan, context.report, on_recording=spoken.__setitem__)
    finally:
        # Also where it has failed: that may be why.
        _require_unchanged(plan)
    _log.info("load: %s", record.load)
    for result in record.results:
        _log.info("%s", {name: value for name, value in result.figures.items() if name != "unmeasured"})
    # Before the results are committed: a failure after that would fail a job whose results are stored.
    scratch = context.workspace.scratch(context.job.id)
    for name in spoken.keys() - {ORIGINAL}:
        pair = recording_pair(context.workspace, voice.folder, name)
        for path, recordings in zip(pair, (spoken[name], spoken[ORIGINAL]), strict=True):
            write_recording(path, recordings, voice.sample_rate, scratch)
    outcome = {"benchmark_id": record.id, "results": [result.id for result in record.results]}
    store_finished(context, FinishedWork(outcome, benchmark=record))


def _texts(voice: Voice, file: str | None, label: str | None) -> TextSet:
    """Return the texts that the voice is measured with, and log which they are.

    Raises InvalidInput for a file that is no longer the one with this label.
    """
    if file and label and label_of(Path(file)) != label:
        raise InvalidInput(f"{file} has changed since this benchmark was queued: queue it again")
    texts = texts_of_file(voice.config, voice.language, Path(file)) if file else texts_for(voice.config, voice.language)
    _log.info("texts: %s", texts.label)
    return texts


def _candidate(variant: Variant, voice: Voice) -> BenchmarkVariant:
    """Return the variant to measure; without an engine if its file is missing, outdated, or changed since it was made."""
    path = Path(variant.path)
    problem = variant.outdated.reason if variant.outdated else None
    problem = problem or integrity_error(path, variant.sha256, voice.config_of(variant))
    engine, untimed = (None, problem) if problem else _engine_of(path)
    return BenchmarkVariant(
        name=variant.name,
        path=path,
        sha256=variant.sha256,
        size_bytes=variant.size_bytes,
        recipe=variant.recipe,
        engine=engine,
        untimed=untimed,
        program_db=variant.params.get("program_db"),
    )


def _require_unchanged(plan: BenchmarkPlan) -> None:
    """Raise InvalidInput if a file was replaced while it was measured: it is unclear which of the two was."""
    for candidate in plan.candidates:
        if candidate.engine and integrity_error(candidate.path, candidate.sha256):
            raise InvalidInput(f"{candidate.path} changed while it was measured: retry this job when it is complete")


def _engine_of(path: Path) -> tuple[EngineName | None, str | None]:
    """Return the engine that runs the variant on this machine, and why its speed cannot be measured, if so."""
    if not path.is_dir():
        return "onnxruntime", None
    if sys.platform == "darwin":
        return "coreml", None
    missing = RECIPES["coreml"].missing
    return (None, f"{NOT_RUN}; {missing}") if missing else ("coreml-evaluated", f"it needs macOS; {NOT_RUN}")


def _with_coreml_provider(original: BenchmarkVariant) -> list[BenchmarkVariant]:
    """Return the original as run by ONNX Runtime's Core ML provider, if this machine has it."""
    import onnxruntime

    if "CoreMLExecutionProvider" not in onnxruntime.get_available_providers():
        return []
    return [dataclasses.replace(original, name=BY_PROVIDER, engine="onnxruntime-coreml")]
