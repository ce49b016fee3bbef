"""What a job has finished, kept beside the job until it is stored.

Storing takes the write lock of `data.db`, which another program may hold for hours. The measurements, or the description of
a variant whose files are complete drafts, are therefore first written to `finished/JOB.ATTEMPT.json`. Whoever gets the lock
first stores them: the job's process, its worker, or after a crash the next worker.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.files import Replacement, atomic_write, mkdir_private
from core.hardware.machine import Environment, Machine
from core.records.benchmarks import BenchmarkRecord, ParallelRun, ResultRecord, Sample, Startup, TextMetrics, TextSound
from core.records.jobs import Job
from core.records.voices import Variant
from core.workspace import Workspace

_PARTS = {
    "samples": Sample,
    "starts": Startup,
    "parallel_runs": ParallelRun,
    "texts": TextMetrics,
    "sounds": TextSound,
}
_NAME = re.compile(r"(\d+)\.(\d+)\.json")


@dataclass(frozen=True)
class FinishedWork:
    """The outcome of one attempt at a job: a benchmark, or a variant with the final names of its drafts."""

    result: dict[str, Any]
    """The result of the job."""
    benchmark: BenchmarkRecord | None = None
    variant: Variant | None = None
    voice_id: str = ""
    """The voice of the variant."""
    names: tuple[tuple[Path, Path], ...] = ()
    """The drafts of the variant and their final names, in the order of the renames."""

    @property
    def drafts(self) -> Replacement:
        """Return the files of the variant."""
        return Replacement(dict(self.names))


def keep(workspace: Workspace, job_id: int, attempt: int, work: FinishedWork) -> None:
    """Write finished work to its file, complete and flushed. Raises OSError."""
    path = workspace.finished(job_id, attempt)
    mkdir_private(path.parent)
    with atomic_write(path) as stream:
        stream.write(json.dumps(vars(work), default=_plain).encode())


def read_kept(workspace: Workspace, job: Job) -> FinishedWork | None:
    """Return what the current attempt at a job has finished, if it is kept. Raises OSError and ValueError."""
    try:
        kept = json.loads(workspace.finished(job.id, job.attempt).read_bytes())
        return FinishedWork(
            result=kept["result"],
            benchmark=_benchmark(kept["benchmark"]) if kept["benchmark"] else None,
            variant=Variant(**kept["variant"]) if kept["variant"] else None,
            voice_id=kept["voice_id"],
            names=tuple((Path(draft), Path(final)) for draft, final in kept["names"]),
        )
    except FileNotFoundError:
        return None
    except (KeyError, TypeError) as error:
        raise ValueError(f"not written by this version ({error})") from error


def forget(workspace: Workspace, job_id: int, attempt: int) -> None:
    """Remove kept work, which is stored or void."""
    workspace.finished(job_id, attempt).unlink(missing_ok=True)


def kept_attempts(workspace: Workspace) -> Iterator[tuple[int, int]]:
    """Yield the job and the attempt of all work that is kept."""
    try:
        names = [path.name for path in workspace.finished(0, 0).parent.iterdir()]
    except OSError:
        return
    for match in filter(None, map(_NAME.fullmatch, names)):
        yield int(match[1]), int(match[2])


def _plain(value: Any) -> Any:
    if isinstance(value, ResultRecord):
        return {"figures": value.figures} | {name: getattr(value, name) for name in _PARTS}
    return str(value) if isinstance(value, Path) else vars(value)


def _benchmark(kept: dict[str, Any]) -> BenchmarkRecord:
    results = tuple(_result(result) for result in kept["results"])
    parts = {"machine": Machine(**kept["machine"]), "environment": Environment(**kept["environment"])}
    return BenchmarkRecord(**kept | parts | {"results": results})


def _result(kept: dict[str, Any]) -> ResultRecord:
    # Versions before 0.3 kept no sounds.
    kept = {"sounds": [], **kept}
    parts = {name: tuple(kind(**entry) for entry in kept[name]) for name, kind in _PARTS.items()}
    return ResultRecord.from_figures(kept["figures"], **parts)
