"""The line that is always in sight: the program, its workspace, and what the worker does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

if TYPE_CHECKING:
    from tui.snapshot import Snapshot


class TopLine(Horizontal):
    """Name and workspace to the left, the worker's state to the right."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def compose(self) -> ComposeResult:
        yield Static(f"ttsdash  {_short(self._root)}", id="workspace", markup=False)
        yield Static("", id="worker", markup=False)

    def show(self, snapshot: Snapshot) -> None:
        worker = self.query_one("#worker", Static)
        text = _worker_text(snapshot)
        worker.set_class(snapshot.worker is None, "missing")
        worker.update(text)


def _worker_text(snapshot: Snapshot) -> str:
    if snapshot.worker is None:
        return "no worker runs: press w"
    waiting = sum(job.state == "queued" for job in snapshot.jobs)
    running = ", ".join(str(job.id) for job in reversed(snapshot.running))
    busy = f"works on job {running}" if running else "idle"
    return f"worker {busy}" + (f", {waiting} waiting" if waiting else "")


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) and path != home else str(path)
