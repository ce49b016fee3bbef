"""Eviction of model files from the page cache, so that the next load reads them from disk as after a reboot."""

import os
from pathlib import Path

_PROBED_BYTES = 4096


def evict(model: Path) -> str | None:
    """Evict a file, or all files of a folder, from the page cache. Return the reason if they are still cached."""
    if not hasattr(os, "posix_fadvise") or not hasattr(os, "RWF_NOWAIT"):
        return "this system cannot evict files from its cache"
    files = [path for path in model.rglob("*") if path.is_file()] if model.is_dir() else [model]
    if all(_evicted(path) for path in files):
        return None
    return "the system keeps the file in its cache: it is stored in memory (tmpfs) or in use"


def _evicted(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        # Loading it will report why.
        return False
    try:
        # Only pages that have been written to disk can be evicted.
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.preadv(descriptor, [bytearray(_PROBED_BYTES)], os.fstat(descriptor).st_size // 2, os.RWF_NOWAIT)
    except BlockingIOError:
        # The read would have to wait for the disk.
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
