"""A chart in text cells. Importing this imports NumPy: do it in a thread, before the chart is needed."""

from collections.abc import Sequence
from datetime import datetime

from textual.app import ComposeResult, RenderResult
from textual.containers import Grid
from textual.strip import Strip
from textual_hires_canvas import Canvas
from textual_plot.axis_formatter import AxisFormatter
from textual_plot.plot_widget import Legend, PlotWidget

_TICKS = 5
_LEVEL_POINTS = 200


class _Cells(Canvas):
    """A canvas that never draws an empty line, which Textual cannot do without colors."""

    def render_line(self, y: int) -> Strip:
        """Return a line, blank before the canvas knows its size."""
        strip = super().render_line(y)
        return strip if strip.cell_length else Strip.blank(self.size.width, self.rich_style)


class Chart(PlotWidget, can_focus=False):
    """Points and lines over labelled axes, readable without colors. Draw into it once it is mounted."""

    def __init__(self) -> None:
        super().__init__(allow_pan_and_zoom=False)
        self._left, self._right = 0.0, 1.0
        self._notes: list[tuple[float, float, str]] = []

    def compose(self) -> ComposeResult:
        """Compose the plot, its margins and its legend."""
        with Grid():
            for name in ("margin-top", "margin-left", "plot", "margin-bottom"):
                yield _Cells(1, 1, id=name)
        yield Legend(id="legend")

    def on_mount(self) -> None:
        """Leave room for the labels of the axes."""
        self.margin_top, self.margin_bottom, self.margin_left = 0, 1, 8

    def frame(self, x: Sequence[float], y: Sequence[float]) -> None:
        """Fit the axes to these points, with a margin."""
        self._left, self._right = _around(x)
        self.set_xlimits(self._left, self._right)
        self.set_ylimits(*_around(y))

    def mark(self, x: Sequence[float], y: Sequence[float], sign: str) -> None:
        """Draw points with a sign."""
        self.scatter(x, y, marker=sign, marker_style="")

    def span(self, x: Sequence[float], low: Sequence[float], high: Sequence[float]) -> None:
        """Draw a vertical line from low to high at each point."""
        middle = [(one + other) / 2 for one, other in zip(low, high, strict=True)]
        half = [(other - one) / 2 for one, other in zip(low, high, strict=True)]
        self.errorbar(x, middle, yerr=half, marker="│", marker_style="dim")

    def level(self, y: float) -> None:
        """Draw a dotted horizontal line for the baseline."""
        step = (self._right - self._left) / _LEVEL_POINTS
        self.scatter(
            [self._left + step * n for n in range(_LEVEL_POINTS)], [y] * _LEVEL_POINTS, marker="·", marker_style="dim"
        )

    def note(self, x: float, y: float, text: str) -> None:
        """Write text to the right of a point."""
        self._notes.append((x, y, text))

    def render(self) -> RenderResult:
        """Draw the plot, and the notes over it."""
        drawn = super().render()
        canvas = self.query_one("#plot", Canvas)
        for x, y, text in self._notes:
            column, row = self.get_pixel_from_coordinate(x, y)
            canvas.write_text(column + 1, row, text)
        return drawn


class Times(AxisFormatter):
    """Labels seconds since 1970 with days, or with times of day if they span less than two days."""

    def get_ticks(self, min_: float, max_: float, max_ticks: int = _TICKS) -> list[float]:
        """Return ticks in the middle of equal parts, so that no label overhangs an edge."""
        step = (max_ - min_) / (_TICKS - 1)
        return [min_ + step * (n + 0.5) for n in range(_TICKS - 1)]

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        """Return a date or a time for each tick, in local time."""
        span = ticks[-1] - ticks[0]
        if span < 2 * 86400:
            form = "%d %b %H:%M"
        elif span < 300 * 86400:
            form = "%d %b"
        else:
            form = "%b %Y"
        return [datetime.fromtimestamp(tick).astimezone().strftime(form) for tick in ticks]


def _around(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return low - room, high + room
