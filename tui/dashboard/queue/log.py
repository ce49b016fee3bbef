"""The log of a job, followed while it runs."""

import threading
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Log, Static

from core.records.jobs import Job
from core.text import escape_control
from tui.text.format import job_title

_LOOK_S = 0.25
# More than anyone reads here; the whole file lies in logs/.
_TAIL_BYTES = 200_000


class LogScreen(Screen[None]):
    """Scrolls with the file's end until one scrolls up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back"),
        Binding("j", "scroll_log(1)", "Down", show=False),
        Binding("k", "scroll_log(-1)", "Up", show=False),
        Binding("g", "scroll_log_home", "First", show=False),
        Binding("G", "scroll_log_end", "Last", show=False),
    ]

    def __init__(self, job: Job, path: Path) -> None:
        super().__init__()
        self._job, self._path = job, path
        self._left = threading.Event()

    def compose(self) -> ComposeResult:
        yield Static(f"Log of {job_title(self._job)}", classes="title", markup=False)
        yield Log(auto_scroll=True)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one(Log).focus()
        self.run_worker(self._follow, thread=True)

    def on_unmount(self) -> None:
        self._left.set()

    def action_scroll_log(self, lines: int) -> None:
        self.query_one(Log).scroll_relative(y=lines, animate=False)

    def action_scroll_log_home(self) -> None:
        self.query_one(Log).scroll_home(animate=False)

    def action_scroll_log_end(self) -> None:
        self.query_one(Log).scroll_end(animate=False)

    def _follow(self) -> None:
        """Bring what the file gains to the screen, line by line, until the screen is closed."""
        log = self.query_one(Log)
        while not self._path.exists():
            if self._left.wait(_LOOK_S):
                return
        position = max(0, self._path.stat().st_size - _TAIL_BYTES)
        while not self._left.is_set():
            with self._path.open("rb") as file:
                file.seek(position)
                new = file.read()
            # A line that is still being written waits for its end.
            whole = new[: new.rfind(b"\n") + 1]
            if whole:
                position += len(whole)
                lines = [escape_control(line) for line in whole.decode(errors="replace").splitlines()]
                self.app.call_from_thread(log.write_lines, lines)
            self._left.wait(_LOOK_S)
