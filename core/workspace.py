"""The workspace: the folder that holds one user's database, queue, variants and logs."""

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import InvalidInput
from core.file_systems import is_shared
from core.files import mkdir_private
from core.users import expand_home, owner_of, refuse_foreign_folder, why_no_home

# "ttsd" in SQLite's header field `application_id`: it marks a data.db as ours.
APPLICATION_ID = 0x74747364
# Variants, recordings, logs of jobs.
_REMAINS = ("optimized_models/*/*", "recordings/*/*", "logs/[0-9]*.log")


@dataclass(frozen=True)
class Workspace:
    """The paths of a workspace. Creating the object touches no file; `prepare` creates the folders."""

    root: Path

    @property
    def data_db(self) -> Path:
        """Return the database: voices, jobs and results."""
        return self.root / "data.db"

    @property
    def queue_db(self) -> Path:
        """Return the database of Huey, which can be deleted at any time."""
        return self.root / "queue.db"

    @property
    def optimized_models(self) -> Path:
        """Return the folder of the variants."""
        return self.root / "optimized_models"

    @property
    def voices(self) -> Path:
        """Return the folder of downloaded voices. Other voices stay where their owner keeps them."""
        return self.root / "voices"

    @property
    def recordings(self) -> Path:
        """Return the folder of the recordings of the last benchmarks."""
        return self.root / "recordings"

    @property
    def streaming_parts(self) -> Path:
        """Return the folder of what variants are split into for streaming, by checksum; it can be deleted at any time."""
        return self.root / "streaming_parts"

    @property
    def speech_service(self) -> Path:
        """Return the file that names where the speech service listens while it runs."""
        return self.root / "speech-service.json"

    @property
    def logs(self) -> Path:
        """Return the folder of the logs."""
        return self.root / "logs"

    @property
    def settings_file(self) -> Path:
        """Return the settings, a YAML file that may be missing."""
        return self.root / "ttsdash.yaml"

    @property
    def worker_lock(self) -> Path:
        """Return the lock file of the one worker."""
        return self.root / "worker.lock"

    @property
    def worker_log(self) -> Path:
        """Return the log of the worker."""
        return self.logs / "worker.log"

    @property
    def remains(self) -> Path | None:
        """Return something that only work in this workspace leaves, by which a database without content has lost it."""
        log = self.data_db.with_name(f"{self.data_db.name}-wal")
        if log.is_file() and log.stat().st_size:
            return log
        return next((path for pattern in _REMAINS for path in self.root.glob(pattern)), None)

    def scratch(self, job_id: int) -> Path:
        """Return the folder of a job's temporary files, which is removed when the job was killed."""
        return self.root / "scratch" / str(job_id)

    def finished(self, job_id: int, attempt: int) -> Path:
        """Return the file of what an attempt has finished and could not store yet."""
        return self.root / "finished" / f"{job_id}.{attempt}.json"

    def training(self, job_id: int) -> Path:
        """Return the folder of a job's training, which stays until the job has succeeded or is deleted."""
        return self.root / "training" / str(job_id)

    def job_log(self, job_id: int) -> Path:
        """Return the log of a job."""
        return self.logs / f"{job_id}.log"

    def prepare(self) -> None:
        """Create the folders that are missing. Raises InvalidInput where that is impossible."""
        for folder in (self.root, self.optimized_models, self.logs):
            try:
                if folder.exists() and not folder.is_dir():
                    raise InvalidInput(
                        f"{folder} is a file, but the workspace needs a folder there: move it or use --home DIR"
                    )
                mkdir_private(folder)
            except OSError as error:
                raise InvalidInput(f"cannot create the folder {folder} ({error.strerror}): use --home DIR") from error
        refuse_foreign_folder(self.root)
        if not os.access(self.root, os.W_OK | os.X_OK):
            foreign = self.root.stat().st_uid != os.getuid()
            whose = f" for you: it belongs to {owner_of(self.root)}" if foreign else ""
            raise InvalidInput(f"the workspace {self.root} is read-only{whose}: make it writable or use --home DIR")


def find_workspace(home: str | os.PathLike[str] | None = None, start: Path | None = None) -> Workspace:
    """Return `home`, else $TTSDASH_HOME, else the nearest parent that is a workspace, else the per-user data directory.

    Raises InvalidInput if the named folder cannot be found, or if there is none of these.
    """
    chosen = home or os.environ.get("TTSDASH_HOME")
    if chosen:
        return Workspace(_resolve(Path(chosen), "--home" if home else "TTSDASH_HOME"))
    for folder in _upward(start):
        if _is_own_database(folder / "data.db") or _has_lost_its_database(Workspace(folder)):
            return Workspace(folder)
    return Workspace(per_user_root())


def per_user_root() -> Path:
    """Return the workspace in the per-user data directory. Raises InvalidInput if the user has none."""
    import platformdirs

    try:
        root = Path(platformdirs.user_data_dir("ttsdash", appauthor=False))
    except RuntimeError:
        root = Path()
    # Older versions of platformdirs return a relative path where there is no home folder.
    if not root.is_absolute():
        raise InvalidInput(f"your home folder is unknown ({why_no_home()}): use --home DIR")
    return root


def _resolve(path: Path, source: str) -> Path:
    """Return a named folder as an absolute path without links. Raises InvalidInput, which names the source."""
    try:
        return expand_home(path).resolve()
    except InvalidInput as error:
        raise InvalidInput(f"{source}: {error}" + ("" if source == "--home" else ", or use --home DIR")) from None
    except (OSError, RuntimeError) as error:  # the working directory was removed; a loop of links
        reason = error.strerror if isinstance(error, OSError) else "a loop of links"
        raise InvalidInput(f"{source}: cannot find {path} ({reason}): use --home DIR with an absolute path") from error


def _upward(start: Path | None) -> list[Path]:
    """Return a folder, by default the working directory, and its parents; nothing if that directory was removed."""
    try:
        nearest = (start or Path.cwd()).resolve()
    except OSError:
        return []
    return [nearest, *nearest.parents]


def _is_own_database(path: Path) -> bool:
    """Return whether a file is a data.db of this user. Only SQLite opens it: see `core.files.create_private`."""
    try:
        if not path.is_file() or path.stat().st_uid != os.getuid():
            return False
        # Immutable: without locks, which another program may hold, and without a rollback, which reading does not allow.
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            return bool(db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)
    except (OSError, sqlite3.Error):
        return False


def _has_lost_its_database(workspace: Workspace) -> bool:
    """Return whether this user's workspace has something else than a database in its place, which opening it refuses."""
    path = workspace.data_db
    try:
        status = path.lstat()
        if status.st_uid != os.getuid() or (path.is_file() and path.stat().st_size):
            return False
        return workspace.remains is not None
    except OSError:
        return False


def network_file_system(path: Path) -> str | None:
    """Return the type of the network file system that `path` is on, None for a local one."""
    import psutil

    place = path.resolve()
    # Looking makes an automounter mount what is there.
    with suppress(OSError):
        place.stat()
    mounts = [mount for mount in psutil.disk_partitions(all=True) if place.is_relative_to(mount.mountpoint)]
    # Of several file systems at one mount point, such as that of an automounter and what it has mounted, the last one is
    # on top.
    nearest = max(enumerate(mounts), key=lambda entry: (len(Path(entry[1].mountpoint).parts), entry[0]), default=None)
    return nearest[1].fstype if nearest and is_shared(nearest[1].fstype) else None
