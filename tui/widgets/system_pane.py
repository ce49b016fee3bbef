"""The tab of the machine, the worker and the workspace."""

import shutil
import sys
from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from core.errors import TtsdashError
from core.text import printable
from core.workspace import Workspace, network_file_system
from tui.formats import moment
from tui.snapshot import Snapshot
from tui.widgets.pane import Pane


class SystemPane(Pane, VerticalScroll):
    """What this machine is, under which versions it measures, and where everything lies."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False),
        Binding("k", "scroll_up", "Up", show=False),
    ]

    def __init__(self, workspace: Workspace, id: str) -> None:
        super().__init__(id=id)
        self._workspace = workspace
        self._about = self._abilities = ""
        self._snapshot: Snapshot | None = None

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)

    def on_mount(self) -> None:
        self.run_worker(self._look, thread=True, group="system")

    def _look(self) -> None:
        """Off the interface's thread: asking for the hardware may start a process."""
        about = describe_system(self._workspace)
        self.app.call_from_thread(self._show_about, about)

    def _show_about(self, about: str) -> None:
        self._about = about
        if self._snapshot:
            self.show(self._snapshot)

    def take_focus(self) -> None:
        super().take_focus()
        if not self._abilities:
            self._show_abilities(_section("Abilities", {"state": "asking the machine ..."}))
            self.run_worker(self._look_for_abilities, thread=True, group="system")

    def _look_for_abilities(self) -> None:
        self.app.call_from_thread(self._show_abilities, describe_abilities())

    def _show_abilities(self, abilities: str) -> None:
        self._abilities = abilities
        if self._snapshot:
            self.show(self._snapshot)

    def remember(self) -> dict[str, Any]:
        return {"scrolled": self.scroll_y}

    def recall(self, state: Mapping[str, Any]) -> None:
        if isinstance(scrolled := state.get("scrolled"), int | float):
            self.call_after_refresh(self.scroll_to, y=scrolled, animate=False)

    def show(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.query_one(Static).update("\n\n".join([_worker_lines(snapshot), self._about, self._abilities]))


def _worker_lines(snapshot: Snapshot) -> str:
    worker = snapshot.worker
    if worker is None:
        return _section("Worker", {"state": "none runs: press w to start one"})
    return _section(
        "Worker",
        {
            "state": f"running, pid {worker.pid}, since {moment(worker.since)}",
            "slots": f"{worker.slots} (jobs side by side; a benchmark runs alone)",
            "version": worker.version,
        },
    )


def describe_system(workspace: Workspace) -> str:
    """Machine, versions and workspace as text."""
    from core.hardware.machine import this_environment, this_machine

    machine, environment = this_machine(), this_environment()
    disk = shutil.disk_usage(workspace.root)
    remote = network_file_system(workspace.root)
    return "\n\n".join(
        [
            _section(
                "Machine",
                {
                    "fingerprint": machine.id,
                    "processor": machine.facts["cpu"],
                    "architecture": machine.facts["architecture"],
                    "cores": machine.facts["cores"],
                    "memory": f"{machine.facts['memory_gib']} GiB",
                },
            ),
            _section("Versions", environment.versions),
            _section(
                "Workspace",
                {
                    "folder": workspace.root,
                    "variants": workspace.optimized_models,
                    "logs": workspace.logs,
                    "disk": f"{disk.free / 1e9:.1f} GB free of {disk.total / 1e9:.1f} GB",
                    "warning": f"on a network file system ({remote}), where SQLite can lose data" if remote else None,
                    "Python": sys.executable,
                },
            ),
        ]
    )


def describe_abilities() -> str:
    """What this machine can do for a voice, and why not, as text."""
    from core.hardware.abilities import abilities
    from core.hardware.probes import ask_apart

    try:
        found = abilities(ask_apart())
    except TtsdashError as error:
        return _section("Abilities", {"state": error})
    return _section(
        "Abilities",
        {a.name: a.says if a.available else f"not here: {a.says}. It would bring {a.brings}" for a in found},
    )


def _section(title: str, facts: dict[str, Any]) -> str:
    lines = [f"  {name:<15} {printable(str(value))}" for name, value in facts.items() if value is not None]
    return "\n".join([title, *lines])
