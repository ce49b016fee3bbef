"""The chain Core ML, quantized, original as boxes with arrows between them, each with what became of it here."""

import textwrap
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from core.records.selections import Decision, Verdict
from core.selection.fallback_chain import Step
from core.text import escape_control
from tui.dashboard.common.plain_text import PlainText
from tui.text.format import shortened

_MOST_LINKS = 4
_REASON_LINES = 3
_VERDICTS = {Verdict.SELECTED: "TAKEN HERE", Verdict.ELIGIBLE: "comes after", Verdict.REJECTED: "rejected"}


class Chain(Horizontal):
    """Of a link its first candidate is shown, and how many there are beside it."""

    def compose(self) -> ComposeResult:
        for number in range(_MOST_LINKS):
            if number:
                yield PlainText("─>", classes="arrow")
            yield LinkBox()

    def show(self, links: Sequence[Step]) -> None:
        boxes = list(self.query(LinkBox))
        for number, box in enumerate(boxes):
            box.link = links[number] if number < len(links) else None
            box.display = number < len(links)
        for number, arrow in enumerate(self.query(".arrow"), 1):
            arrow.display = number < len(links)


class LinkBox(Widget):
    """The one that is taken has a double frame, and says so."""

    link: reactive[Step | None] = reactive(None)

    def watch_link(self, link: Step | None) -> None:
        first, others = (link.first, len(link.candidates) - 1) if link else (None, 0)
        self.border_title = link.name if link else ""
        self.border_subtitle = f"and {others} more" if others > 0 else ""
        self.set_class(first is not None and first.verdict is Verdict.SELECTED, "taken")

    def render(self) -> Content:
        first, width = self.link.first if self.link else None, max(8, self.content_size.width)
        if first is None:
            return Content("not made")
        name, reason = (
            escape_control(first.variant),
            textwrap.wrap(_figures(first), width, max_lines=_REASON_LINES, placeholder=" …", break_on_hyphens=False),
        )
        return Content("\n".join([shortened(name, width), _VERDICTS[first.verdict], *reason]))


def _figures(judged: Decision) -> str:
    """The reason; of what may be taken only the figures in it, where there are some."""
    _, _, figures = judged.reason.partition(": ")
    return escape_control(judged.reason if judged.verdict is Verdict.REJECTED else figures or judged.reason)
