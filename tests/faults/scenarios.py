"""Operations on a workspace to be disturbed by faults, the recovery after a crash, and what must hold then."""

import dataclasses
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from core.coreml.layout import FRONT, PACKAGE
from core.files import sha256_of
from core.records.jobs import Job, NewJob
from core.records.voices import Voice
from core.store.database import open_store, transaction
from core.store.jobs import add_job, list_events, list_jobs
from core.store.lifecycle import claim, finish, requeue
from core.store.pausing import pause_jobs, resume_jobs
from core.store.queue_control import cancel, retry
from core.store.voices import get_voice, list_voices
from core.variants.checksums import integrity_error
from core.variants.recipes import RECIPES, Param, Recipe, Task
from core.voices.file import read_voice
from core.workspace import Workspace
from jobs.context import JobContext
from jobs.kinds import convert, quantize
from jobs.kinds.variant import make_variant
from jobs.recovery import reconcile
from tests.factories import add_voice
from tests.faults.shim import Shim

COPY, RUN, END_OF_PAUSED = "copy", "run the job", "end a paused attempt"
_KINDS = {"quantize": quantize, "convert": convert}


def make(task: Task) -> dict[str, Any]:
    """Make a variant of the end of the original and a mark that distinguishes one variant from the next."""
    content = task.source.read_bytes()[-5000:] + str(task.params["mark"]).encode()
    if not task.target.is_dir():
        task.target.write_bytes(content)
        return {}
    (task.target / FRONT).write_bytes(content)
    (task.target / PACKAGE).mkdir()
    (task.target / PACKAGE / "weights").write_bytes(content * 2)
    return {}


def copy_job(voice_id: str, kind: str, mark: str) -> NewJob:
    return NewJob(kind, voice_id, COPY, {"recipe": COPY, "params": {"mark": mark}})


def run_job(workspace: Workspace, db: sqlite3.Connection) -> None:
    """Do what the process of the newest job does, without the check of the variant, which takes seconds."""
    mark = Param("old", "what it ends with", choices=("old", "new"))
    RECIPES[COPY] = Recipe(COPY, COPY, "a copy", __name__, {"mark": mark}, tools=())
    job = list_jobs(db, limit=1)[0]
    voice = get_voice(db, job.voice)
    # The configuration differs between the old and the new variant, too. A job would refuse one that is not the file's.
    voice = dataclasses.replace(voice, config=voice.config | {"dataset": job.params["params"]["mark"]})
    context = JobContext(workspace, db, job, voice, job.attempt, lambda stage, share: None)
    with patch("jobs.kinds.variant.require_unchanged"):
        make_variant(context, _KINDS[job.kind]._draft, lambda task: {})


def add_waiting(workspace: Workspace, db: sqlite3.Connection) -> None:
    with transaction(db):
        add_job(db, NewJob("benchmark", list_voices(db)[0].id, None, {}, after=(1, 2)))


OPERATIONS: dict[str, Callable[[Workspace, sqlite3.Connection], object]] = {
    RUN: run_job,
    "add": add_waiting,
    "claim": lambda workspace, db: claim(db),
    "finish": lambda workspace, db: finish(db, 2, 1, "failed", "it broke"),
    "requeue": lambda workspace, db: requeue(db, 2, 1, "its worker died"),
    "cancel": lambda workspace, db: cancel(db, 1),
    "ask to cancel": lambda workspace, db: cancel(db, 2),
    "retry": lambda workspace, db: retry(db, 4),
    "pause": lambda workspace, db: pause_jobs(db, [1, 3]),
    "ask to pause": lambda workspace, db: pause_jobs(db, [2]),
    END_OF_PAUSED: lambda workspace, db: requeue(db, 6, 1, "its progress is saved", counts=False),
    "resume": lambda workspace, db: resume_jobs(db, [7]),
    "resume what still runs": lambda workspace, db: resume_jobs(db, [6]),
}


def operate(workspace: Workspace, name: str) -> Iterator[str | None]:
    db = open_store(workspace)
    yield None
    OPERATIONS[name](workspace, db)
    yield "done"
    # The last connection to close also moves the write-ahead log into the database.
    db.close()


def recover(workspace: Workspace) -> Iterator[dict[str, Any] | None]:
    """Do what the next worker does first, and report the state after it."""
    yield None
    with closing(open_store(workspace)) as db:
        reconcile(workspace, db)
    yield see(workspace)


def look(workspace: Workspace) -> Iterator[dict[str, Any] | None]:
    yield None
    yield see(workspace)


def open_and_close(workspace: Workspace) -> Iterator[str | None]:
    yield None
    open_store(workspace).close()
    yield "done"


def schema(workspace: Workspace) -> Iterator[list[tuple[Any, ...]]]:
    yield []
    with closing(open_store(workspace)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        yield [
            tuple(row)
            for query in (
                "PRAGMA user_version",
                "PRAGMA journal_mode",
                "SELECT type, name, sql FROM sqlite_schema ORDER BY name",
                "SELECT name FROM _sqlite_migrations ORDER BY name",
                "SELECT id, state, turn FROM jobs",
            )
            for row in db.execute(query)
        ]


def see(workspace: Workspace) -> dict[str, Any]:
    """Return the state that must be the old or the new one, without times."""
    with closing(open_store(workspace)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        voices = list_voices(db)
        for variant in (variant for voice in voices for variant in voice.variants):
            problem = integrity_error(Path(variant.path), variant.sha256)
            assert problem is None, problem
        jobs = list_jobs(db)
        return {
            "variants": [dataclasses.replace(variant, created_at="") for voice in voices for variant in voice.variants],
            "jobs": [_lasting(job) for job in jobs],
            "events": [dataclasses.replace(event, at="") for job in jobs for event in list_events(db, job.id)],
            "files": _files(workspace.optimized_models),
        }


def _lasting(job: Job) -> Job:
    times = ("created_at", "started_at", "finished_at", "heartbeat_at")
    return dataclasses.replace(
        job,
        result={"there": job.result is not None},
        paused_at=job.paused_at and "paused",
        **{name: str(bool(getattr(job, name))) for name in times},
    )


def _files(folder: Path) -> dict[str, str | None]:
    """Return the checksum of each file in the voices' folders, hidden ones included; None for a folder."""
    return {
        str(path.relative_to(folder)): sha256_of(path) if path.is_file() else None
        for path in folder.rglob("*")
        if path.parent != folder
    }


def _add_voice(db: sqlite3.Connection, folder: Path) -> Voice:
    from tests.vits import write_voice

    return add_voice(db, read_voice(write_voice(folder)))


def with_a_running_job(shim: Shim, folder: Path, kind: str, replaces: bool) -> Workspace:
    """Return a workspace with a claimed job that makes a variant: the first one, or one that replaces another."""
    workspace = Workspace(folder / "workspace")
    with closing(open_store(workspace)) as db:
        voice = _add_voice(db, folder / "voices")
        for mark in ("old", "new") if replaces else ("new",):
            with transaction(db):
                add_job(db, copy_job(voice.id, kind, mark))
            claim(db)
            if mark == "old":
                shim.run(operate, workspace, RUN, under=workspace.root)
                reconcile(workspace, db)
    return workspace


def with_jobs_in_all_states(folder: Path) -> Workspace:
    """Return a workspace with jobs in all states.

    Job 1 is queued, 2 runs, 3 waits for 2, 4 has failed, 5 was cancelled since 4 failed, 6 runs and is paused, 7 is paused.
    """
    workspace = Workspace(folder / "workspace")
    with closing(open_store(workspace)) as db:
        voice = _add_voice(db, folder / "voices")
        with transaction(db):
            for priority, after in ((0, ()), (1, ()), (0, (2,)), (2, ()), (0, (4,)), (3, ()), (0, ())):
                add_job(db, NewJob("distill", voice.id, None, {}, priority=priority, after=after))
        claim(db)
        claim(db)
        finish(db, 4, 1, "failed", "it broke")
        claim(db)
        pause_jobs(db, [6, 7])
    return workspace


@dataclass(frozen=True)
class Saved:
    """A copy of a folder that can be restored any number of times."""

    folder: Path
    copy: Path

    @classmethod
    def of(cls, folder: Path) -> Self:
        copy = Path(tempfile.mkdtemp(dir=folder.parent))
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        return cls(folder, copy)

    def restore(self) -> None:
        shutil.rmtree(self.folder)
        shutil.copytree(self.copy, self.folder)
