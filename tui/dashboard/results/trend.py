"""The screen of a variant's trend on one machine, as a chart and in words."""

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from core.clock import parse_timestamp
from core.hardware.machine import Machine
from core.history.trend import LATEST, Point, Series, list_trend, series
from core.records.results import Result
from core.records.voices import ORIGINAL
from core.store.database import open_store
from core.workspace import Workspace
from tui.dashboard.common.scrolled_text import ScrolledText
from tui.dashboard.results.reading import ReadingScreen
from tui.text.format import counted, local_time, speedup
from tui.text.results import changes_since_previous, trend_figure, trend_line

if TYPE_CHECKING:
    from tui.dashboard.results.chart import Chart


class TrendScreen(ReadingScreen[list[Series]]):
    """All results of the result's variant at its thread count on its machine."""

    def __init__(self, workspace: Workspace, result: Result) -> None:
        at = counted(result.threads, "thread")
        super().__init__(
            workspace, f"Trend of {result.variant}, {result.voice}, {at}, on {result.machine_facts['cpu']}"
        )
        self._result = result

    def body(self) -> ComposeResult:
        """Compose the text."""
        yield ScrolledText()

    def read(self) -> list[Series]:
        """Read the results, in series that compare."""
        import tui.dashboard.results.chart  # noqa: F401  (slow: in this thread)

        result = self._result
        with closing(open_store(self.workspace)) as db:
            machine = Machine(result.machine, result.machine_facts)
            return series(list_trend(db, result.voice_id, result.variant, machine, result.threads))

    async def show(self, found: list[Series]) -> None:
        """Show the series of the result's benchmark version, and a chart if it has two points."""
        version = self._result.benchmark_version
        mine = next((one for one in found if one.version == version), None)
        others = sum(len(one.points) for one in found if one is not mine)
        self.query_one(ScrolledText).focus()
        timed = [point.result for point in mine.points if trend_figure(point.result) is not None] if mine else []
        self.show_text(_legend(self._result, timed))
        if mine is None:
            return
        self.query_one(ScrolledText).show_lines(_words(mine, others))
        if len(timed) > 1:
            from tui.dashboard.results.chart import Chart

            chart = Chart()
            await self.mount(chart, after=".text")
            _draw(chart, timed)


def _legend(result: Result, timed: list[Result]) -> str:
    what = "latency, ms" if result.variant == ORIGINAL else "speed-up (95 % CI)"
    if len(timed) > 1:
        return f"{what}   o undisturbed   ~ noisy   ! regression"
    if timed:
        return "Only one result. Benchmark again to see a trend."
    return "No result has a speed yet."


def _draw(chart: "Chart", timed: list[Result]) -> None:
    from tui.dashboard.results.chart import Times

    is_original = timed[0].variant == ORIGINAL
    at = {result.id: parse_timestamp(result.created_at).timestamp() for result in timed}
    figures = {result.id: trend_figure(result) or 0.0 for result in timed}
    spans = [] if is_original else [(at[one.id], *one.speedup_ci) for one in timed if one.speedup_ci]
    edges = [edge for _, *both in spans for edge in both]
    chart.set_x_formatter(Times())
    chart.frame([*at.values()], [*figures.values(), *edges, *([] if is_original else [1.0])])
    if not is_original:
        chart.level(1.0)
    if spans:
        chart.span(*zip(*spans, strict=True))
    for sign in "o~!":
        marked = [result.id for result in timed if _sign(result) == sign]
        chart.mark([at[one] for one in marked], [figures[one] for one in marked], sign)


def _sign(result: Result) -> str:
    if result.regression:
        return "!"
    return "~" if result.noisy else "o"


def _words(mine: Series, others: int) -> list[str]:
    """Return the course of the metric, then what changed, newest first."""
    points = mine.points
    worse = sum(bool(point.result.regression) for point in points)
    lines = [
        f"{trend_line(mine)}, {counted(len(points), 'result')}"
        + (f", {counted(worse, 'regression')}" if worse else ""),
        *([f"the newest {LATEST} only"] if len(points) + others == LATEST else []),
        *(
            [f"left out: {counted(others, 'result')} of another benchmark version, which do not compare"]
            if others
            else []
        ),
    ]
    changes = [
        f"{local_time(point.result.created_at)}  {point.result.id[:8]}  {speedup(point.result)}  {changes_since_previous(point)}"
        for point in reversed(points)
        if changes_since_previous(point)
    ]
    if len(points) > 1 and not changes:
        changes = _nothing_worse(points)
    return [*lines, "", *changes]


def _nothing_worse(points: Sequence[Point]) -> list[str]:
    """Return how many results were judged; noisy ones are not, nor is the first of the others."""
    noisy = sum(point.result.noisy for point in points)
    judged = max(len(points) - noisy - 1, 0)
    lines = ["No software changes."]
    if judged:
        lines.append(f"No regressions in {counted(judged, 'result')}.")
    if noisy:
        lines.append(f"Not judged: {counted(noisy, 'noisy result')}.")
    return lines
