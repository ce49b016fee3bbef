"""The tab of benchmark results: the history a page at a time, filtered and sorted, and what one does with results."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import DataTable

from core.errors import InvalidInput, TtsdashError, format_error
from core.history.filter import read_filter
from core.history.listing import WHEN, is_descending
from core.records.metrics import HISTORY_COLUMNS
from core.records.voices import ORIGINAL
from core.report.summary import summarize
from tui.dashboard.actions import perform
from tui.dashboard.common.pane import TablePane
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.messages import Outcome
from tui.dashboard.results.filter_line import FilterLine
from tui.dashboard.results.history import ROWS, Asked, HistoryPage, read_history, read_run
from tui.text.format import counted, figure, metric_cell, metric_head, shortened, speedup, when, why_empty

if TYPE_CHECKING:
    from core.records.results import Result
    from tui.dashboard.context import Context
    from tui.dashboard.snapshot import Snapshot

_EXAMPLE = "voice:joe grade>=slight speedup>1.5 machine:this since:2w"
_NOTHING_FITS = "No result fits the filter.\n\nPress / to change it, esc to clear it."
_MOST_PAGES = 10**6


class ResultsPane(TablePane):
    """The newest first, unless one wants another order."""

    # What one looks for first stands first: at 80 columns the rest is in the details below.
    HEADERS = (
        "when",
        "voice",
        "variant",
        ">thr.",
        ">speed-up, 95 %",
        "sound",
        *(metric_head(metric) for metric in HISTORY_COLUMNS),
    )
    ORDERS = (
        *("when", "voice", "variant", "threads", "speedup", "grade"),
        *(str(metric.filter) for metric in HISTORY_COLUMNS),
    )
    """By column, the order that it stands for."""
    TABLE_ID = "results-table"
    EMPTY = "Nothing measured yet.\n\nGo to the voices (1), choose one and press b."
    MARKS = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/", id="results.filter"),
        Binding("escape", "clear_filter", "Clear the filter", show=False, id="results.clear_filter"),
        Binding("s", "sort", "Sort", id="results.sort"),
        Binding("S", "reverse", "Sort the other way round", show=False, id="results.reverse"),
        Binding("n", "page(1)", "Next page", show=False, id="results.next_page"),
        Binding("N", "page(-1)", "Page before", show=False, id="results.page_before"),
        Binding("c", "compare", "Compare", id="results.compare"),
        Binding("t", "trend", "Trend", id="results.trend"),
        Binding("P", "pareto", "Pareto", id="results.pareto"),
        Binding("v", "sound", "Sound", id="results.sound"),
        Binding("x", "export", "Export", show=False, id="results.export"),
    ]

    @dataclass
    class Found(Message):
        """A page has been read."""

        page: HistoryPage

    @dataclass
    class RunRead(Message):
        """All results of the run that the one in focus is from."""

        run: list[Result]

    @dataclass
    class Failed(Message):
        """A page cannot be read: for a filter that is none, or at all."""

        error: str
        of_filter: bool

    def __init__(self, context: Context, id: str) -> None:
        super().__init__(context, id)
        self.page = HistoryPage()
        """What is shown."""
        self._asked = Asked()
        self._reading = self._due = False
        self._focus: str | None = None
        self._ready = False
        self._run: list[Result] = []
        """The run that the details are of."""
        self._run_asked = ""

    def above_table(self) -> ComposeResult:
        yield FilterLine(_EXAMPLE)

    def on_mount(self) -> None:
        self._filter_line.put(self._asked.filter)
        self._ready = True

    # What the dashboard remembers over a reconnect

    def save_state(self) -> dict[str, Any]:
        """What is looked at, for `recall`."""
        focused = self.table.focused_key if self._ready else None
        return asdict(self._asked) | {"focus": focused or self._focus}

    def restore_state(self, state: Mapping[str, Any]) -> None:
        """Look at what was looked at. What is broken in `state`, or no more there, is let go."""
        self._focus = state["focus"] if isinstance(state.get("focus"), str) else None
        self._ask(_read_asked(state))
        if self._ready:
            self._filter_line.put(self._asked.filter)

    # Pages

    def show(self, snapshot: Snapshot) -> None:
        """Read the page again if there are other results than before."""
        known, self.snapshot = self.snapshot, snapshot
        if known is None or snapshot.newest is not known.newest:
            self._ask(self._asked)

    def _ask(self, asked: Asked) -> None:
        """Read a page; while one is read already, only the last that was asked for meanwhile comes after it."""
        self._asked, self._due = asked, True
        if self.snapshot and not self._reading:
            self._read()

    def _read(self) -> None:
        self._reading, self._due = True, False
        asked = self._asked
        self.run_worker(lambda: self._look_up(asked), thread=True, group="history")

    def _look_up(self, asked: Asked) -> None:
        try:
            found = read_history(self.workspace, asked)
        except (TtsdashError, sqlite3.Error, OSError) as error:
            self.post_message(self.Failed(format_error(error), of_filter=isinstance(error, InvalidInput)))
        else:
            self.post_message(self.Found(found))

    def _is_late(self) -> bool:
        """Whether the answer that came is to what is not asked for any more; then the next one is read."""
        self._reading = False
        if self._due:
            self._read()
            return True
        return False

    @on(Failed)
    def _show_problem(self, message: Failed) -> None:
        """What was shown last stays."""
        if self._is_late():
            return
        if message.of_filter:
            self._filter_line.show_problem(message.error)
        else:
            self.notify(message.error, severity="error", markup=False)

    @on(Found)
    def _show_page(self, message: Found) -> None:
        if self._is_late():
            return
        before, self.page = self.page.asked, message.page
        self._run, self._run_asked = [], ""
        self._asked = asked = message.page.asked
        self._filter_line.show_problem("")
        rows = [(result.id, _cells(result)) for result in self.page.results]
        self.set_class(not rows, "is-empty")
        self.query_one(".empty", PlainText).show(_NOTHING_FITS if asked.filter.strip() else self.EMPTY)
        table = self.table
        table.show_header = bool(rows)
        table.show(rows, self._headers())
        table.border_subtitle = _place(self.page)
        if self._focus:
            table.focus_row(self._focus)
            self._focus = None
        elif rows and replace(before, filter="") != replace(asked, filter=""):
            table.move_cursor(row=0, animate=False)
        if asked.sort != before.sort:
            self.call_after_refresh(table.show_column, self.ORDERS.index(asked.sort))
        self.show_detail()

    def _headers(self) -> tuple[str, ...]:
        """With an arrow on the column that the rows stand by."""
        arrow = "↓" if is_descending(self._asked.sort, self._asked.reverse) else "↑"
        sorted_by = self.ORDERS.index(self._asked.sort)
        return tuple(header + arrow * (column == sorted_by) for column, header in enumerate(self.HEADERS))

    def action_page(self, step: int) -> None:
        page = self._asked.page + step
        if 1 <= page <= self.page.last:
            self._ask(replace(self._asked, page=page))
        else:
            self.notify(f"This is the {'last' if step > 0 else 'first'} page.", severity="warning")

    # Order

    def action_sort(self) -> None:
        """By the next column."""
        self._sort(self.ORDERS[(self.ORDERS.index(self._asked.sort) + 1) % len(self.ORDERS)])

    def action_reverse(self) -> None:
        self._sort(self._asked.sort, not self._asked.reverse)

    @on(DataTable.HeaderSelected)
    def _sort_by_mouse(self, event: DataTable.HeaderSelected) -> None:
        sort = self.ORDERS[event.column_index]
        self._sort(sort, sort == self._asked.sort and not self._asked.reverse)

    def _sort(self, sort: str, reverse: bool = False) -> None:
        self._ask(replace(self._asked, sort=sort, reverse=reverse, page=1))

    # Filter

    @property
    def _filter_line(self) -> FilterLine:
        return self.query_one(FilterLine)

    def action_filter(self) -> None:
        self._filter_line.open()

    def action_clear_filter(self) -> None:
        self._filter_line.action_clear()

    @on(FilterLine.Typed)
    def _filter(self, message: FilterLine.Typed) -> None:
        self._ask(replace(self._asked, filter=message.text, page=1))

    @on(FilterLine.Left)
    def _go_on_in_table(self) -> None:
        self.take_focus()

    # The result in focus, and the marked ones

    @property
    def result(self) -> Result | None:
        """The one in focus."""
        return self._result(self.table.focused_key)

    def _result(self, key: str | None) -> Result | None:
        return next((result for result in self.page.results if result.id == key), None)

    def show_detail(self) -> None:
        """As soon as the run is read that says what the figures mean; what was shown stays until then."""
        wanted = self.result.benchmark_id if self.result else ""
        if not wanted or any(result.benchmark_id == wanted for result in self._run):
            super().show_detail()
        elif wanted != self._run_asked:
            self._run_asked = wanted
            self.run_worker(partial(self._read_run, wanted), thread=True, group="run")

    def _read_run(self, benchmark_id: str) -> None:
        try:
            run = read_run(self.workspace, benchmark_id)
        except (TtsdashError, sqlite3.Error, OSError) as error:
            self.post_message(Outcome(format_error(error), failed=True))
        else:
            self.post_message(self.RunRead(run))

    @on(RunRead)
    def _show_run(self, message: RunRead) -> None:
        if any(result.benchmark_id == self._run_asked for result in message.run):
            self._run = message.run
            self.show_detail()

    def detail(self, snapshot: Snapshot, key: str) -> str:
        result = self._result(key)
        if result is None:
            return ""
        means = summarize(self._run)
        if result.variant == ORIGINAL:
            return "\n".join([_title(result), *_facts(result), "", *means.lines()])
        return "\n".join([_title(result), *means.lines(result.variant), *_facts(result)])

    def action_compare(self) -> None:
        """The marked ones; one alone with the one in focus. The oldest is what the others are held against."""
        keys = self.table.marked
        if len(keys) == 1:
            keys = [*dict.fromkeys([*keys, self.table.focused_key or ""])]
        chosen = sorted(filter(None, map(self._result, keys)), key=lambda result: result.created_at)
        if len(chosen) < 2:
            self.notify("Mark two results or more with space, then press c.", severity="warning")
            return
        from tui.dashboard.results.compare import CompareScreen

        self.app.push_screen(CompareScreen(self.workspace, chosen))

    def action_trend(self) -> None:
        if self.result:
            from tui.dashboard.results.trend import TrendScreen

            self.app.push_screen(TrendScreen(self.workspace, self.result))

    def action_pareto(self) -> None:
        if self.result:
            from tui.dashboard.results.pareto import ParetoScreen

            self.app.push_screen(ParetoScreen(self.workspace, self.result))

    def action_sound(self) -> None:
        if self.result:
            from tui.dashboard.results.sound import SoundScreen

            self.app.push_screen(SoundScreen(self.workspace, self.result))

    def action_export(self) -> None:
        from tui.dashboard.results.export import ExportScreen, Wish

        def write(wish: Wish | None) -> None:
            if wish:
                self.notify(f"{wish.path} is being written …", markup=False)
                perform(self, self.actions.export_results, wish.path, wish.voice)

        self.app.push_screen(ExportScreen(self.workspace, self.result.voice if self.result else None), write)


def _read_asked(state: Mapping[str, Any]) -> Asked:
    """What stands in `state`, as far as it can be."""
    text, sort, page = state.get("filter"), state.get("sort"), state.get("page")
    asked = Asked(reverse=state.get("reverse") is True)
    with suppress(InvalidInput):
        asked = replace(asked, filter=text if isinstance(text, str) and read_filter(text) else "")
    if sort in ResultsPane.ORDERS:
        asked = replace(asked, sort=str(sort))
    if type(page) is int and 1 <= page <= _MOST_PAGES:
        asked = replace(asked, page=page)
    return asked


def _place(page: HistoryPage) -> str:
    """What is shown of how much, and in which order."""
    if not page.results:
        return ""
    first = (page.asked.page - 1) * ROWS + 1
    shown = f"{first} to {first + len(page.results) - 1} of {page.total}"
    several = f"; page {page.asked.page} of {page.last}: n next, N back" if page.last > 1 else ""
    return (shown if several else counted(page.total, "result")) + f", {_order(page.asked)}{several}"


def _order(asked: Asked) -> str:
    if asked.sort == WHEN:
        return "the oldest first" if asked.reverse else "the newest first"
    header = ResultsPane.HEADERS[ResultsPane.ORDERS.index(asked.sort)].lstrip(">").removesuffix(", 95 %")
    return f"by {header}" + (" reversed" if asked.reverse else "")


def _cells(result: Result) -> tuple[str, ...]:
    return (
        when(result.created_at),
        shortened(result.voice, 20),
        shortened(result.variant, 20),
        str(result.threads),
        speedup(result),
        result.grade or "–",
        *(metric_cell(result, metric) for metric in HISTORY_COLUMNS),
    )


def _title(result: Result) -> str:
    options = "stock session options" if result.stock else "set for this run"
    at = counted(result.threads, "thread")
    return f"{result.voice}, {result.variant}, {at}, {options}: {result.verdict or 'not timed'}"


def _facts(result: Result) -> list[str]:
    versions = ", ".join(f"{name} {value}" for name, value in result.environment.items())
    empty = why_empty(result)
    return [
        *_worse(result),
        *_timing(result),
        *_load(result),
        *([f"not measured: {empty}"] if empty else []),
        f"on {result.machine_facts['cpu']}, {result.machine_facts['cores']} cores; {versions}",
    ]


def _worse(result: Result) -> list[str]:
    """Than it was on that machine, and what may have done it."""
    if not result.regression:
        return []
    changed = "; ".join(result.regression["changed"]) or "nothing that was installed"
    return [f"! worse: {'; '.join(result.regression['worse'])}", f"  changed since: {changed}"]


def _timing(result: Result) -> list[str]:
    if result.latency_ms is None:
        return []
    return [
        f"latency {figure(result.latency_ms, 0)} ms (p90 {figure(result.latency_p90_ms, 0)}), the original "
        f"{figure(result.original_latency_ms, 0)} ms; loads in {figure(result.load_s, 2)} s; {result.pairs} pairs"
    ]


def _load(result: Result) -> list[str]:
    """What one hears first, and what it does when several ask at once."""
    first = [f"first audio after {result.ttfa_ms:.0f} ms"] if result.ttfa_ms is not None else []
    at_once = f" with {result.requests} requests at once" if result.requests else ""
    through = [f"{result.throughput:.1f} s of audio a second{at_once}"] if result.throughput is not None else []
    return ["; ".join([*first, *through])] if first or through else []
