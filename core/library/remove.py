"""Remove a voice with the files of its variants, all or nothing. The voice's own files are the user's: they stay."""

import contextlib
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.engines.names import BY_PROVIDER
from core.errors import InvalidInput
from core.files import flush_folder, remove_path
from core.quality.recordings import recording_pair
from core.records.job_states import OPEN, sql_list
from core.records.voices import Voice
from core.store.database import transaction
from core.store.jobs import get_job
from core.store.queue_control import forget_jobs_of
from core.store.results import delete_results
from core.store.sources import own_sources
from core.store.voices import delete_voice, get_voice
from core.variants.checksums import Damaged, checksum_of
from core.variants.kept_training import training_path_of, without_training_suffix
from core.variants.variant_files import discard_drafts, jobs_with_drafts
from core.voices.file import config_path_of
from core.workspace import Workspace

# The prefix of a file's name until the store has forgotten its voice.
_HIDDEN = ".removed."


@dataclass(frozen=True)
class Removal:
    """What is removed with a voice, or was."""

    voice: Voice
    files: tuple[Path, ...]
    """The models, configurations and folders of its variants, and the states of trainings."""
    kept: tuple[Path, ...]
    """What has the name of a variant's file but is not what was made: it stays."""
    jobs: tuple[int, ...]
    """Its jobs, which have all ended."""
    results: int
    """How many results it has in the history."""


def plan_removal(workspace: Workspace, db: sqlite3.Connection, name: str) -> Removal:
    """Return what removing a voice removes. Raises NotFound, and InvalidInput while the voice has queued or running jobs."""
    voice = get_voice(db, name)
    _refuse_open_jobs(db, voice)
    files, kept = _variant_files(workspace, db, voice)
    jobs = db.execute("SELECT id FROM jobs WHERE voice_id = ? ORDER BY id", (voice.id,))
    sources = own_sources(db, voice.id)
    marks = ", ".join("?" * len(sources))
    return Removal(
        voice=voice,
        files=files,
        kept=kept,
        jobs=tuple(row["id"] for row in jobs),
        results=db.execute(f"SELECT count(*) FROM results WHERE voice_id IN ({marks})", sources).fetchone()[0],
    )


def remove_voice(workspace: Workspace, db: sqlite3.Connection, name: str, with_results: bool = False) -> Removal:
    """Remove a voice, its variants, selections and ended jobs; with `with_results` its results, too.

    Raises as `plan_removal`. If it fails or is killed at any moment, the voice is either complete or gone.
    """
    finish_removals(workspace, db)
    files: tuple[Path, ...] = ()
    try:
        with transaction(db):
            removal = plan_removal(workspace, db, name)
            recordings = _recordings(workspace, db, removal.voice)
            _discard_drafts(workspace, db, removal.jobs)
            files = removal.files
            _hide(files)
            if with_results:
                delete_results(db, own_sources(db, removal.voice.id))
            forget_jobs_of(db, removal.voice.id)
            delete_voice(db, removal.voice.id)
    except BaseException:
        _restore(files)
        raise
    _delete(map(_hidden, files))
    _delete(recordings)
    _delete(map(workspace.training, removal.jobs))
    _delete(log.with_suffix(suffix) for log in map(workspace.job_log, removal.jobs) for suffix in (".log", ".log.1"))
    return removal


def finish_removals(workspace: Workspace, db: sqlite3.Connection) -> None:
    """Finish, or undo, what a process that was killed while it removed a voice has left."""
    if not any(workspace.optimized_models.glob(f"*/{_HIDDEN}*")):
        return
    # This waits for the end of a removal that another process is about to commit.
    with transaction(db):
        for hidden in workspace.optimized_models.glob(f"*/{_HIDDEN}*"):
            file = hidden.with_name(hidden.name.removeprefix(_HIDDEN))
            model = file.with_name(without_training_suffix(file.name.removesuffix(".json")))
            if db.execute("SELECT 1 FROM variants WHERE path IN (?, ?)", (str(file), str(model))).fetchone():
                _restore([file])
            else:
                _delete([hidden])


def _refuse_open_jobs(db: sqlite3.Connection, voice: Voice) -> None:
    rows = db.execute(
        f"SELECT id FROM jobs WHERE voice_id = ? AND state IN {sql_list(OPEN)} ORDER BY id", (voice.id,)
    ).fetchall()
    if rows:
        ids = " ".join(str(row["id"]) for row in rows)
        raise InvalidInput(
            f"{voice.key} has jobs that are queued or running: wait for them (ttsdash jobs wait {ids}), "
            f"or cancel them (ttsdash jobs cancel {ids})"
        )


def _variant_files(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return what was made for the voice in this workspace, and what is in its place but has another content."""
    rows = db.execute(
        "SELECT DISTINCT path, sha256 FROM variants WHERE voice_id = ? AND recipe IS NOT NULL ORDER BY path",
        (voice.id,),
    )
    # Several builds had the same path.
    checksums: dict[Path, set[str]] = {}
    for row in rows:
        checksums.setdefault(Path(row["path"]), set()).add(row["sha256"])
    made: list[Path] = []
    kept: list[Path] = []
    for path, known in checksums.items():
        if not path.is_relative_to(workspace.optimized_models):
            continue
        if path.exists() and _checksum(path) not in known:
            kept.append(path)
        else:
            made += [file for file in (path, config_path_of(path), training_path_of(path)) if file.exists()]
    return tuple(made), tuple(kept)


def _checksum(path: Path) -> str | None:
    try:
        return checksum_of(path)
    except (Damaged, OSError):
        return None


def _recordings(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> list[Path]:
    rows = db.execute("SELECT DISTINCT name FROM variants WHERE voice_id = ?", (voice.id,))
    names = [*(row["name"] for row in rows), BY_PROVIDER]
    return [path for name in names for path in recording_pair(workspace, voice.folder, name)]


def _discard_drafts(workspace: Workspace, db: sqlite3.Connection, jobs: Iterable[int]) -> None:
    """Remove the drafts of these jobs, which could not be removed when the jobs ended."""
    for job_id in jobs_with_drafts(workspace).intersection(jobs):
        discard_drafts(workspace, job_id, committed=get_job(db, job_id).result is not None)


def _hidden(file: Path) -> Path:
    return file.with_name(_HIDDEN + file.name)


def _hide(files: Sequence[Path]) -> None:
    for file in files:
        file.rename(_hidden(file))
    for folder in {file.parent for file in files}:
        flush_folder(folder)


def _restore(files: Iterable[Path]) -> None:
    """Give files their names back, unless something else has them."""
    for file in files:
        if _hidden(file).exists() and not file.exists():
            _hidden(file).rename(file)


def _delete(files: Iterable[Path]) -> None:
    """Delete files and folders, and folders that are empty then. The next removal deletes what cannot be deleted now."""
    for file in files:
        with contextlib.suppress(OSError):
            remove_path(file)
            file.parent.rmdir()
