"""What the System tab shows beside the store. Reading it touches files and may start a process: do it in a thread."""

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
from core.hardware.limits import describe_limits
from core.workspace import Workspace, network_file_system
from tui.dashboard.snapshot import Snapshot
from tui.text.format import counted, local_time, megabytes

if TYPE_CHECKING:
    from core.hardware.detection import HardwareInfo

Facts = dict[str, str]
"""Values by name."""


def worker_facts(snapshot: Snapshot) -> Facts:
    """Describe the worker."""
    worker = snapshot.worker
    if worker is None:
        return {"state": "stopped · w starts it"}
    state = "not responding · w restarts it" if snapshot.worker_unresponsive else "running"
    jobs = ", ".join(f"job {job.id} ({job.kind})" for job in snapshot.running)
    if worker.stopping:
        stops = "when the running jobs have ended"
    elif worker.idle_s is None:
        stops = "when you stop it (w)"
    else:
        stops = f"after {format_duration(worker.idle_s)} idle, or when you stop it (w)"
    return {
        "state": f"{state}, pid {worker.pid}, since {local_time(worker.since)}, version {worker.version}",
        "slots": f"{counted(worker.slots, 'job')} at a time on {counted(worker.cores, 'core')}; benchmarks always run alone",
        **({"limits": describe_limits(worker.limits)} if worker.limits and worker.limits.words else {}),
        "running": jobs or "idle",
        "stops": stops,
    }


def disk_facts(workspace: Workspace) -> Facts:
    """Describe the free space and what the workspace uses."""
    try:
        disk = shutil.disk_usage(workspace.root)
    except OSError as error:
        return {"folder": format_error(error)}
    remote = network_file_system(workspace.root)
    data = [workspace.data_db.with_name(workspace.data_db.name + end) for end in ("", "-wal", "-shm")]
    used = {
        "variants": _size(workspace.optimized_models),
        workspace.recordings.name: _size(workspace.recordings),
        workspace.data_db.name: sum(map(_size, data)),
        workspace.logs.name: _size(workspace.logs),
    }
    return {
        "folder": str(workspace.root),
        **(
            {"WARNING": f"on a network file system ({remote}), where SQLite can lose data if file locks fail"}
            if remote
            else {}
        ),
        "free": f"{disk.free / 1e9:.1f} GB of {disk.total / 1e9:.1f} GB",
        **{name: f"{megabytes(size):>8} MB" for name, size in used.items()},
    }


def machine_facts() -> Facts:
    """Describe the hardware."""
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
    """List the versions of what is installed."""
    from core.hardware.machine import this_environment

    return {**this_environment().versions, "interpreter": sys.executable}


def capability_facts(probes: Callable[[], HardwareInfo]) -> Facts:
    """Describe what this machine can do for a voice, and why not."""
    from core.hardware.capabilities import capabilities

    try:
        found = capabilities(probes())
    except TtsdashError as error:
        return {"state": str(error)}
    return {a.name: a.detail if a.available else f"unavailable: {a.detail}. Benefit: {a.benefit}" for a in found}


def _size(path: Path) -> int:
    """Return the bytes of a file or a folder; files that vanish meanwhile count as 0."""
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
