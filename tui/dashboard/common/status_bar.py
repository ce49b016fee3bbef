"""The line that is always in sight: the program, its workspace, and what the worker does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal

from core.records.job_states import JobState
from tui.dashboard.common.plain_text import PlainText

if TYPE_CHECKING:
    from tui.dashboard.snapshot import Snapshot


class StatusBar(Horizontal):
    """Name and workspace to the left, the worker's state to the right."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def compose(self) -> ComposeResult:
        yield PlainText(f"ttsdash  {_short(self._root)}", id="workspace")
        yield PlainText(id="worker")

    def show(self, snapshot: Snapshot) -> None:
        worker = self.query_one("#worker", PlainText)
        worker.set_class(snapshot.worker is None or snapshot.worker_unresponsive or snapshot.queue.paused, "warning")
        worker.show(", ".join(_words(snapshot)))


def _words(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.queue.paused:
        yield "queue paused"
    yield _worker(snapshot)
    if snapshot.counts.get(JobState.QUEUED):
        yield f"{snapshot.counts[JobState.QUEUED]} waiting"


def _worker(snapshot: Snapshot) -> str:
    if snapshot.worker is None:
        return "no worker runs: press w"
    if snapshot.worker_unresponsive:
        return "worker gives no sign of life: press w"
    does = "ends" if snapshot.worker.ending else "idle"
    running = ", ".join(str(job.id) for job in snapshot.running)
    if running:
        does = f"ends after job {running}" if snapshot.worker.ending else f"works on job {running}"
    return f"worker {does}"


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) and path != home else str(path)
