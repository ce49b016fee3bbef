"""The status bar: the workspace and the state of the worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal

from core.records.job_states import JobState
from tui.dashboard.common.plain_text import PlainText
from tui.text.format import short_path

if TYPE_CHECKING:
    from tui.dashboard.snapshot import Snapshot


class StatusBar(Horizontal):
    """The top line: the workspace on the left, the worker on the right."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        yield PlainText(f"ttsdash  {short_path(self._root)}", id="workspace")
        yield PlainText(id="worker")

    def show(self, snapshot: Snapshot) -> None:
        """Show the worker and the queue of a snapshot."""
        worker = self.query_one("#worker", PlainText)
        worker.set_class(snapshot.worker is None or snapshot.worker_unresponsive or snapshot.queue.paused, "warning")
        worker.show(" · ".join(_status(snapshot)))


def _status(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.queue.paused:
        yield "queue paused"
    yield _worker_status(snapshot)
    paused = len(snapshot.queue.paused_jobs)
    queued = snapshot.counts.get(JobState.QUEUED, 0) - paused
    if queued > 0:
        yield f"{queued} queued"
    if paused:
        yield f"{paused} paused"
    if snapshot.worker is None:
        yield "w starts it"
    elif snapshot.worker_unresponsive:
        yield "w restarts it"


def _worker_status(snapshot: Snapshot) -> str:
    if snapshot.worker is None:
        return "worker stopped"
    if snapshot.worker_unresponsive:
        return "worker not responding"
    running = f"job {', '.join(str(job.id) for job in snapshot.running)}" if snapshot.running else ""
    if snapshot.worker.stopping:
        return f"worker stops after {running}" if running else "worker stopping"
    return f"running {running}" if running else "worker idle"
