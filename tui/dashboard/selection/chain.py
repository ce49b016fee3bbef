"""The fallback chain as boxes with arrows: Core ML, quantized, optimized, original, each with its outcome."""

import textwrap
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from core.records.selections import CandidateStatus, Decision
from core.selection.fallback_chain import Step
from core.text import escape_control
from tui.dashboard.common.plain_text import PlainText
from tui.text.format import shortened

_MAX_STEPS = 4
_REASON_LINES = 3
_STATUSES = {
    CandidateStatus.SELECTED: "SELECTED",
    CandidateStatus.ELIGIBLE: "fallback",
    CandidateStatus.REJECTED: "rejected",
}


class Chain(Horizontal):
    """A row of boxes. Each shows the first candidate of its step, and how many others it has."""

    def compose(self) -> ComposeResult:
        """Compose the boxes and the arrows between them."""
        for number in range(_MAX_STEPS):
            if number:
                yield PlainText("─>", classes="arrow")
            yield StepBox()

    def show(self, steps: Sequence[Step]) -> None:
        """Show the steps; boxes that are not needed are hidden."""
        boxes = list(self.query(StepBox))
        for number, box in enumerate(boxes):
            box.step = steps[number] if number < len(steps) else None
            box.display = number < len(steps)
        for number, arrow in enumerate(self.query(".arrow"), 1):
            arrow.display = number < len(steps)


class StepBox(Widget):
    """One step. The selected one has a double frame."""

    step: reactive[Step | None] = reactive(None)

    def watch_step(self, step: Step | None) -> None:
        """Show another step."""
        first, others = (step.first, len(step.candidates) - 1) if step else (None, 0)
        self.border_title = step.name if step else ""
        self.border_subtitle = f"and {others} more" if others > 0 else ""
        self.set_class(first is not None and first.status is CandidateStatus.SELECTED, "selected")

    def render(self) -> Content:
        """Return the variant, its decision and the reason."""
        first, width = self.step.first if self.step else None, max(8, self.content_size.width)
        if first is None:
            return Content("not made")
        name, reason = (
            escape_control(first.variant),
            textwrap.wrap(_figures(first), width, max_lines=_REASON_LINES, placeholder=" …", break_on_hyphens=False),
        )
        return Content("\n".join([shortened(name, width), _STATUSES[first.status], *reason]))


def _figures(decision: Decision) -> str:
    """Return the reason of a decision, without the words before its figures if it has some."""
    _, _, figures = decision.reason.partition(": ")
    return escape_control(
        decision.reason if decision.status is CandidateStatus.REJECTED else figures or decision.reason
    )
