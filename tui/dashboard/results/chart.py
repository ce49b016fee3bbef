"""Charts in text cells. Importing this imports NumPy: do it in a thread before the chart is shown."""

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
    """A canvas that fills its region before its size is known: without colors Textual cannot draw empty lines."""

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        return strip if strip.cell_length else Strip.blank(self.size.width, self.rich_style)


class Chart(PlotWidget, can_focus=False):
    """Points and lines over labelled axes, in the theme's colors. Draw into it once it is mounted."""

    def __init__(self) -> None:
        super().__init__(allow_pan_and_zoom=False)
        self._left, self._right = 0.0, 1.0
        self._notes: list[tuple[float, float, str]] = []

    def compose(self) -> ComposeResult:
        with Grid():
            for name in ("margin-top", "margin-left", "plot", "margin-bottom"):
                yield _Cells(1, 1, id=name)
        yield Legend(id="legend")

    def on_mount(self) -> None:
        self.margin_top, self.margin_bottom, self.margin_left = 0, 1, 8

    def frame(self, x: Sequence[float], y: Sequence[float]) -> None:
        """Set the limits of the axes around these points."""
        self._left, self._right = _around(x)
        self.set_xlimits(self._left, self._right)
        self.set_ylimits(*_around(y))

    def mark(self, x: Sequence[float], y: Sequence[float], sign: str) -> None:
        """Draw a sign at each point."""
        self.scatter(x, y, marker=sign, marker_style="")

    def span(self, x: Sequence[float], low: Sequence[float], high: Sequence[float]) -> None:
        """Draw a vertical line at each x."""
        middle = [(one + other) / 2 for one, other in zip(low, high, strict=True)]
        half = [(other - one) / 2 for one, other in zip(low, high, strict=True)]
        self.errorbar(x, middle, yerr=half, marker="│", marker_style="dim")

    def level(self, y: float) -> None:
        """Draw a dotted horizontal line, the baseline of the others."""
        step = (self._right - self._left) / _LEVEL_POINTS
        self.scatter(
            [self._left + step * n for n in range(_LEVEL_POINTS)], [y] * _LEVEL_POINTS, marker="·", marker_style="dim"
        )

    def note(self, x: float, y: float, text: str) -> None:
        """Write text to the right of a point."""
        self._notes.append((x, y, text))

    def render(self) -> RenderResult:
        drawn = super().render()
        canvas = self.query_one("#plot", Canvas)
        for x, y, text in self._notes:
            column, row = self.get_pixel_from_coordinate(x, y)
            canvas.write_text(column + 1, row, text)
        return drawn


class Times(AxisFormatter):
    """Format seconds since 1970 as dates, with the time of day if the axis spans less than two days."""

    def get_ticks(self, min_: float, max_: float, max_ticks: int = _TICKS) -> list[float]:
        step = (max_ - min_) / (_TICKS - 1)
        # Labels at the ends would not fit.
        return [min_ + step * (n + 0.5) for n in range(_TICKS - 1)]

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        span = ticks[-1] - ticks[0]
        form = "%d %b %H:%M" if span < 2 * 86400 else "%d %b" if span < 300 * 86400 else "%b %Y"
        return [datetime.fromtimestamp(tick).astimezone().strftime(form) for tick in ticks]


def _around(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return low - room, high + room
