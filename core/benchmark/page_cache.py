"""Has a model's files read from the disk again, as after a start of the machine."""

import os
from pathlib import Path

_LOOKED_AT = 4096


def evict(model: Path) -> str | None:
    """Drop a file, or all files of a folder, from the system's cache. Returns why they are still there, if they are."""
    if not hasattr(os, "posix_fadvise") or not hasattr(os, "RWF_NOWAIT"):
        return "this system drops no file from its cache"
    files = [path for path in model.rglob("*") if path.is_file()] if model.is_dir() else [model]
    if all(_evicted(path) for path in files):
        return None
    return "the system keeps the file in its cache: it lies in memory (tmpfs), or is in use"


def _evicted(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        # What loads it says why.
        return False
    try:
        # Only what is on the disk is dropped.
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.preadv(descriptor, [bytearray(_LOOKED_AT)], os.fstat(descriptor).st_size // 2, os.RWF_NOWAIT)
    except BlockingIOError:
        # It would have to be read from the disk.
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
