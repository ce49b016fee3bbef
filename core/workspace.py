"""The workspace: the folder in which one user's data base, queue, variants and logs lie together."""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from core.errors import InvalidInput
from core.files import mkdir_private

# "ttsd" in SQLite's header field `application_id`: how a data.db of ours is told from any other.
APPLICATION_ID = 0x74747364
_NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smbfs", "smb3", "afs", "9p", "fuse.sshfs", "afpfs", "webdav"}


@dataclass(frozen=True)
class Workspace:
    """Where everything lies. Making the object touches nothing; `prepare` makes the folders."""

    root: Path

    @property
    def data_db(self) -> Path:
        return self.root / "data.db"

    @property
    def queue_db(self) -> Path:
        return self.root / "queue.db"

    @property
    def optimized_models(self) -> Path:
        return self.root / "optimized_models"

    @property
    def voices(self) -> Path:
        """Where voices are downloaded to; those that one adds lie where one keeps them."""
        return self.root / "voices"

    @property
    def recordings(self) -> Path:
        return self.root / "recordings"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def settings_file(self) -> Path:
        return self.root / "ttsdash.yaml"

    @property
    def worker_lock(self) -> Path:
        return self.root / "worker.lock"

    @property
    def worker_log(self) -> Path:
        return self.logs / "worker.log"

    def scratch(self, job_id: int) -> Path:
        """Where a job's temporary files go, so that they can be removed when it was killed."""
        return self.root / "scratch" / str(job_id)

    def job_log(self, job_id: int) -> Path:
        return self.logs / f"{job_id}.log"

    def prepare(self) -> None:
        """Make the folders that are missing. Raises BadInput where that is not allowed."""
        for folder in (self.root, self.optimized_models, self.logs):
            if folder.exists() and not folder.is_dir():
                raise InvalidInput(
                    f"{folder} is a file, but the workspace needs a folder there: move it or use --home DIR"
                )
            try:
                mkdir_private(folder)
            except OSError as error:
                raise InvalidInput(f"cannot make the folder {folder} ({error.strerror}): use --home DIR") from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise InvalidInput(f"the workspace {self.root} is read-only for you: make it writable or use --home DIR")


def find_workspace(home: str | os.PathLike[str] | None = None, start: Path | None = None) -> Workspace:
    """The workspace to use: `home`, else $TTSDASH_HOME, else the nearest one upward, else the per-user folder."""
    chosen = home or os.environ.get("TTSDASH_HOME")
    if chosen:
        return Workspace(Path(chosen).expanduser().resolve())
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if _is_own_database(folder / "data.db"):
            return Workspace(folder)
    import platformdirs

    return Workspace(Path(platformdirs.user_data_dir("ttsdash", appauthor=False)))


def _is_own_database(path: Path) -> bool:
    """Asks SQLite, and opens the file with nothing else: see `core.files.create_private`."""
    try:
        if not path.is_file() or path.stat().st_uid != os.getuid():
            return False
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            return bool(db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)
    except (OSError, sqlite3.Error):
        return False


def network_file_system(path: Path) -> str | None:
    """The type of the network file system that `path` lies on, None on a local one."""
    import psutil

    nearest = max(
        (part for part in psutil.disk_partitions(all=True) if path.is_relative_to(part.mountpoint)),
        key=lambda part: len(part.mountpoint),
        default=None,
    )
    return nearest.fstype if nearest and nearest.fstype in _NETWORK_FILE_SYSTEMS else None
