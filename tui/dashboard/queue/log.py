"""The log of a job."""

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

_POLL_INTERVAL_S = 0.25
# The screen shows this much of the end; the whole file is in logs/.
_TAIL_BYTES = 200_000


class LogScreen(Screen[None]):
    """A log that follows its file until the user scrolls up."""

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
        self._screen_closed = threading.Event()

    def compose(self) -> ComposeResult:
        """Yield the widgets."""
        yield Static(f"Log of {job_title(self._job)}", classes="title", markup=False)
        yield Log(auto_scroll=True)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Start to follow the log."""
        self.query_one(Log).focus()
        self.run_worker(self._follow, thread=True)

    def on_unmount(self) -> None:
        """Stop following the log."""
        self._screen_closed.set()

    def action_scroll_log(self, lines: int) -> None:
        """Scroll by some lines."""
        self.query_one(Log).scroll_relative(y=lines, animate=False)

    def action_scroll_log_home(self) -> None:
        """Scroll to the start."""
        self.query_one(Log).scroll_home(animate=False)

    def action_scroll_log_end(self) -> None:
        """Scroll to the end."""
        self.query_one(Log).scroll_end(animate=False)

    def _follow(self) -> None:
        """Show the lines that are added to the file until the screen is closed."""
        log = self.query_one(Log)
        while not self._path.exists():
            if self._screen_closed.wait(_POLL_INTERVAL_S):
                return
        position = max(0, self._path.stat().st_size - _TAIL_BYTES)
        while not self._screen_closed.is_set():
            with self._path.open("rb") as file:
                file.seek(position)
                new = file.read()
            # An unfinished last line is left for the next read.
            complete = new[: new.rfind(b"\n") + 1]
            if complete:
                position += len(complete)
                lines = [escape_control(line) for line in complete.decode(errors="replace").splitlines()]
                self.app.call_from_thread(log.write_lines, lines)
            self._screen_closed.wait(_POLL_INTERVAL_S)
