"""The System tab: worker, disk, hardware, versions, and the doctor's findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message

from core.doctor.finding import State
from core.errors import TtsdashError, format_error
from tui.dashboard.common.pane import Pane
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.system import facts
from tui.dashboard.system.facts import Facts
from tui.text.findings import finding_lines, summary
from tui.text.format import hanging_indent, short_time

if TYPE_CHECKING:
    from jobs.doctor import Findings
    from tui.dashboard.context import Context
    from tui.dashboard.snapshot import Snapshot

_TITLES = {
    "worker": "Worker",
    "disk": "Disk",
    "doctor": "Doctor",
    "machine": "Hardware",
    "engines": "Engines",
    "versions": "Versions",
}
# The first column has what changes.
_COLUMNS = (("worker", "disk", "doctor"), ("machine", "engines", "versions"))
_TWO_COLUMNS = 130
_LABEL = 18
_FRAME = 4


class SystemPane(VerticalScroll, Pane):
    """Sections of facts in one or two columns. The machine is asked when the tab is first opened."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "check", "Check again", id="system.check"),
        Binding("j", "scroll_down", "Down", show=False),
        Binding("k", "scroll_up", "Up", show=False),
        Binding("g", "scroll_home", "First", show=False),
        Binding("G", "scroll_end", "Last", show=False),
    ]

    @dataclass
    class FactsRead(Message):
        """Facts have been read, by section."""

        facts: dict[str, Facts]

    @dataclass
    class Checked(Message):
        """The doctor has finished, or failed for the reason in `problem`."""

        at: str
        found: Findings
        problem: str | None = None

    def __init__(self, context: Context, id: str) -> None:
        super().__init__(id=id)
        self.context = context
        self._facts: dict[str, Facts] = {}
        self._report: SystemPane.Checked | None = None
        self._opened = False

    def compose(self) -> ComposeResult:
        """Compose the columns of sections."""
        for names in _COLUMNS:
            with Vertical(classes="column"):
                for name in names:
                    section = PlainText("checking …", id=f"system-{name}", classes="section")
                    section.border_title = f" {_TITLES[name]} "
                    yield section

    def take_focus(self) -> None:
        """Take the focus; ask the machine the first time, measure the disk each time."""
        super().take_focus()
        if not self._opened:
            self._opened = True
            self.run_worker(self._ask_machine, thread=True, group="system")
            self.action_check()
        else:
            self.run_worker(self._measure_disk, thread=True, group="system")

    def show(self, snapshot: Snapshot) -> None:
        """Show the state of the worker."""
        self._facts["worker"] = facts.worker_facts(snapshot)
        self._draw("worker")

    def on_resize(self) -> None:
        """Choose one or two columns."""
        self.set_class(self.size.width >= _TWO_COLUMNS, "wide")
        self._draw(*_TITLES)

    # Reading, off the interface's thread

    def _ask_machine(self) -> None:
        environment = self.context.environment
        self.post_message(
            self.FactsRead({"machine": environment.machine_facts(), "versions": environment.version_facts()})
        )
        self.post_message(self.FactsRead({"engines": facts.capability_facts(environment.hardware)}))

    def _measure_disk(self) -> None:
        self.post_message(self.FactsRead({"disk": self.context.environment.disk_facts(self.workspace)}))

    def action_check(self) -> None:
        """Run the doctor and measure the disk again."""
        self._report = None
        self._draw("doctor")
        self.run_worker(self._measure_disk, thread=True, group="system")
        self.run_worker(self._check(), exclusive=True, group="doctor")

    async def _check(self) -> None:
        environment = self.context.environment
        try:
            found = await environment.run_doctor(self.workspace)
            self.post_message(self.Checked(environment.clock(), found))
        except (TtsdashError, OSError) as error:
            self.post_message(self.Checked(environment.clock(), {}, format_error(error)))

    @on(FactsRead)
    def _show_facts(self, message: FactsRead) -> None:
        self._facts |= message.facts
        self._draw(*message.facts)

    @on(Checked)
    def _show_findings(self, message: Checked) -> None:
        self._report = message
        self._draw("doctor")

    # Drawing

    def _draw(self, *names: str) -> None:
        """Draw these sections, as far as they are known."""
        width = self.size.width // (2 if self.has_class("wide") else 1) - _FRAME
        for name in names:
            section = self.query_one(f"#system-{name}", PlainText)
            if name == "doctor":
                section.show(_doctor(self._report, width))
            elif name in self._facts:
                facts = self._facts[name].items()
                section.show("\n".join(hanging_indent(f"{fact:<{_LABEL}}", value, width) for fact, value in facts))


def _doctor(report: SystemPane.Checked | None, width: int) -> str:
    if report is None:
        return "checking …"
    if report.problem:
        return hanging_indent("", f"{report.problem}; d checks again", width)
    headline = f"{summary(report.found)}, as of {short_time(report.at)}; d checks again"
    parts = (
        finding_lines(_in_states(report.found, states), width) for states in ((State.PROBLEM, State.NOTE), (State.OK,))
    )
    return "\n".join([headline, "", *(line for part in parts for line in part)]).rstrip()


def _in_states(found: Findings, states: tuple[State, ...]) -> Findings:
    """Return the findings in these states, by area."""
    return {area: [finding for finding in findings if finding.state in states] for area, findings in found.items()}
