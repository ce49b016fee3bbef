"""What the system tab tells beside the store. Reading it touches files and may start a process: do it in a thread."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.clock import format_duration
from core.errors import TtsdashError, format_error
from core.workspace import Workspace, network_file_system
from tui.dashboard.snapshot import Snapshot
from tui.text.format import counted, megabytes, moment

if TYPE_CHECKING:
    from core.hardware.detection import HardwareInfo

Facts = dict[str, str]
"""By name."""


def worker_facts(snapshot: Snapshot) -> Facts:
    worker = snapshot.worker
    if worker is None:
        return {"state": "none runs: press w to start one"}
    state = "gives no sign of life: press w" if snapshot.worker_unresponsive else "runs"
    jobs = ", ".join(f"job {job.id} ({job.kind})" for job in snapshot.running)
    if worker.ending:
        ends = "as soon as what runs has ended"
    elif worker.idle_s is None:
        ends = "when it is stopped (w)"
    else:
        ends = f"after {format_duration(worker.idle_s)} without a job, or when it is stopped (w)"
    return {
        "state": f"{state}, pid {worker.pid}, since {moment(worker.since)}, version {worker.version}",
        "slots": f"{worker.slots} (jobs side by side, on {counted(worker.cores, 'core')}; a benchmark runs alone)",
        "works on": jobs or "nothing",
        "ends": ends,
    }


def disk_facts(workspace: Workspace) -> Facts:
    """What is free, and what the workspace takes."""
    try:
        disk = shutil.disk_usage(workspace.root)
    except OSError as error:
        return {"folder": format_error(error)}
    remote = network_file_system(workspace.root)
    data = [workspace.data_db.with_name(workspace.data_db.name + end) for end in ("", "-wal", "-shm")]
    taken = {
        workspace.optimized_models.name: _size(workspace.optimized_models),
        workspace.recordings.name: _size(workspace.recordings),
        workspace.data_db.name: sum(map(_size, data)),
        workspace.logs.name: _size(workspace.logs),
    }
    return {
        "folder": str(workspace.root),
        **({"WARNING": f"on a network file system ({remote}), where SQLite can lose data"} if remote else {}),
        "free": f"{disk.free / 1e9:.1f} GB of {disk.total / 1e9:.1f} GB",
        **{name: f"{megabytes(size):>8} MB" for name, size in taken.items()},
    }


def machine_facts() -> Facts:
    from core.hardware.machine import this_machine

    machine = this_machine()
    return {
        "processor": machine.facts["cpu"],
        "architecture": machine.facts["architecture"],
        "cores": str(machine.facts["cores"]),
        "memory": f"{machine.facts['memory_gib']} GiB",
        "fingerprint": machine.id,
    }


def version_facts() -> Facts:
    from core.hardware.machine import this_environment

    return {**this_environment().versions, "interpreter": sys.executable}


def ability_facts(probes: Callable[[], HardwareInfo]) -> Facts:
    """What this machine can do for a voice, and why not."""
    from core.hardware.capabilities import capabilities

    try:
        found = capabilities(probes())
    except TtsdashError as error:
        return {"state": str(error)}
    return {a.name: a.says if a.available else f"not here: {a.says}. It would bring {a.brings}" for a in found}


def _size(path: Path) -> int:
    """The bytes of a file or of all in a folder; of what goes meanwhile none."""
    return sum(_bytes(file) for file in _files(path))


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    for folder, _, names in os.walk(path):
        yield from (Path(folder, name) for name in names)


def _bytes(file: Path) -> int:
    with suppress(OSError):
        return file.lstat().st_size
    return 0
