"""A `benchmark` job: measures variants of a voice beside the original."""

import dataclasses
import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.benchmark.run import Candidate, Plan, default_threads
from core.benchmark.run import run as run_benchmark
from core.benchmark.texts import texts_for, texts_from
from core.errors import BadInput
from core.files import sha256_of
from core.quality.recordings import recording_pair, write_recording
from core.store.results import put_benchmark
from core.store.voices import ORIGINAL, Variant
from jobs.context import JobContext

_log = logging.getLogger("ttsdash.job")


def run(context: JobContext) -> None:
    voice, params = context.voice, context.job.params
    context.report("checking the files", 0.0)
    names = [ORIGINAL, *params["variants"]]
    plan = Plan(
        voice_id=voice.id,
        config=voice.config,
        candidates=tuple(_candidate(voice.variant(name)) for name in names),
        texts=texts_from(Path(params["texts_file"])) if params["texts_file"] else texts_for(voice.language),
        threads=tuple(params["threads"]) or default_threads(),
    )
    spoken: dict[str, list[npt.NDArray[np.float32]]] = {}
    record = run_benchmark(plan, context.report, keep=spoken.__setitem__)
    _log.info("load: %s", record.load)
    for result in record.results:
        _log.info("%s", {name: value for name, value in result.figures.items() if name != "unmeasured"})
    # Before the results are handed in: what fails after that would fail a job whose results stand.
    scratch = context.workspace.scratch(context.job.id)
    for name in params["variants"]:
        pair = recording_pair(context.workspace, voice.key, name)
        for path, recordings in zip(pair, (spoken[name], spoken[ORIGINAL]), strict=True):
            write_recording(path, recordings, voice.sample_rate, scratch)
    with context.handing_in({"benchmark_id": record.id, "results": [r.figures["id"] for r in record.results]}) as db:
        put_benchmark(db, record, context.job.id)


def _candidate(variant: Variant) -> Candidate:
    """Raises BadInput for a file that is gone or is not what was made: its figures would be another's."""
    path = Path(variant.path)
    try:
        same = sha256_of(path) == variant.sha256
    except OSError as error:
        raise BadInput(f"cannot read {path} ({error.strerror}): make the variant {variant.name} again") from error
    if not same:
        raise BadInput(f"{path} is not the file that was registered as {variant.name}: add or make it again")
    fields = {field.name for field in dataclasses.fields(Candidate)}
    return Candidate(**{name: value for name, value in variant.__dict__.items() if name in fields} | {"path": path})
