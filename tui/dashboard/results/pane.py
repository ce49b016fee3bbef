"""The Results tab: the benchmark history in pages, filtered and sorted, and actions on results."""

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
from tui.dashboard.common.pane import TablePane
from tui.dashboard.common.plain_text import PlainText
from tui.dashboard.messages import Outcome
from tui.dashboard.results.filter_line import FilterLine
from tui.dashboard.results.history import ROWS, HistoryPage, ResultQuery, read_history, read_run
from tui.text.format import (
    BASELINE,
    counted,
    decimal,
    metric_cell,
    metric_head,
    short_time,
    shortened,
    sound,
    speedup,
    unmeasured_reasons,
)

if TYPE_CHECKING:
    from core.records.results import Result
    from tui.dashboard.context import Context
    from tui.dashboard.snapshot import Snapshot

_EXAMPLE = "voice:joe grade>=slight speedup>1.5 machine:this since:2w"
_NO_MATCHES = "No matches.\n\n/ edits the filter, Esc clears it."
_MAX_PAGE = 10**6


class ResultsPane(TablePane):
    """One row per result, newest first by default."""

    # The most important columns come first: at 80 columns the rest is in the details below.
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
    """The sort order of each column."""
    TABLE_ID = "results-table"
    EMPTY = "No results yet.\n\nPress 1, choose a voice and press b to benchmark it."
    MARKS = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/", id="results.filter"),
        Binding("escape", "clear_filter", "Clear the filter", show=False, id="results.clear_filter"),
        Binding("s", "sort", "Sort", show=False, id="results.sort"),
        Binding("S", "reverse", "Reverse sort", show=False, id="results.reverse"),
        Binding("n", "page(1)", "Next page", show=False, id="results.next_page"),
        Binding("N", "page(-1)", "Previous page", show=False, id="results.previous_page"),
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
        """All results of the focused result's run have been read."""

        run: list[Result]

    @dataclass
    class Failed(Message):
        """A page could not be read: its filter is invalid, or the store failed."""

        error: str
        of_filter: bool

    def __init__(self, context: Context, id: str) -> None:
        super().__init__(context, id)
        self.page = HistoryPage()
        """The page that is shown."""
        self._query = ResultQuery()
        self._reading = self._due = False
        self._focus: str | None = None
        self._ready = False
        self._run: list[Result] = []
        """The run of the details."""
        self._run_requested = ""

    def above_table(self) -> ComposeResult:
        """Compose the filter."""
        yield FilterLine(_EXAMPLE)

    def on_mount(self) -> None:
        """Show the restored filter."""
        self._filter_line.put(self._query.filter)
        self._ready = True

    # State kept over a reconnect

    def save_state(self) -> dict[str, Any]:
        """Return the query and the focused row, for `restore_state`."""
        focused = self.table.focused_key if self._ready else None
        return asdict(self._query) | {"focus": focused or self._focus}

    def restore_state(self, state: Mapping[str, Any]) -> None:
        """Restore a query and a focused row. Invalid entries of `state` are ignored."""
        self._focus = state["focus"] if isinstance(state.get("focus"), str) else None
        self._request(_read_query(state))
        if self._ready:
            self._filter_line.put(self._query.filter)

    # Pages

    def show(self, snapshot: Snapshot) -> None:
        """Read the page again if there are new results."""
        known, self.snapshot = self.snapshot, snapshot
        if known is None or snapshot.newest is not known.newest:
            self._request(self._query)

    def _request(self, query: ResultQuery) -> None:
        """Read a page. While one is being read, only the latest request is kept."""
        self._query, self._due = query, True
        if self.snapshot and not self._reading:
            self._read()

    def _read(self) -> None:
        self._reading, self._due = True, False
        self.run_worker(partial(self._read_page, self._query), thread=True, group="history")

    def _read_page(self, query: ResultQuery) -> None:
        try:
            found = read_history(self.workspace, query)
        except (TtsdashError, sqlite3.Error, OSError) as error:
            self.post_message(self.Failed(format_error(error), of_filter=isinstance(error, InvalidInput)))
        else:
            self.post_message(self.Found(found))

    def _is_stale(self) -> bool:
        """Return whether a newer request waits, and start reading it."""
        self._reading = False
        if self._due:
            self._read()
            return True
        return False

    @on(Failed)
    def _show_problem(self, message: Failed) -> None:
        """Show what is wrong; the last page stays."""
        if self._is_stale():
            return
        if message.of_filter:
            self._filter_line.show_problem(message.error)
        else:
            self.notify(message.error, severity="error", markup=False)

    @on(Found)
    def _show_page(self, message: Found) -> None:
        if self._is_stale():
            return
        before, self.page = self.page.query, message.page
        self._run, self._run_requested = [], ""
        self._query = query = message.page.query
        self._filter_line.show_problem("")
        rows = [(result.id, _cells(result)) for result in self.page.results]
        self.set_class(not rows, "is-empty")
        self.query_one(".empty", PlainText).show(_NO_MATCHES if query.filter.strip() else self.EMPTY)
        table = self.table
        table.show_header = bool(rows)
        table.show(rows, self._headers())
        table.border_subtitle = _describe_page(self.page)
        if self._focus:
            table.focus_row(self._focus)
            self._focus = None
        elif rows and replace(before, filter="") != replace(query, filter=""):
            table.move_cursor(row=0, animate=False)
        if query.sort != before.sort:
            self.call_after_refresh(table.show_column, self.ORDERS.index(query.sort))
        self.show_detail()

    def _headers(self) -> tuple[str, ...]:
        """Return the headers, with an arrow on the sorted column."""
        arrow = "↓" if is_descending(self._query.sort, self._query.reverse) else "↑"
        headers = list(self.HEADERS)
        headers[self.ORDERS.index(self._query.sort)] += arrow
        return tuple(headers)

    def action_page(self, step: int) -> None:
        """Show the next or the previous page."""
        page = self._query.page + step
        if 1 <= page <= self.page.last:
            self._request(replace(self._query, page=page))
        else:
            self.notify(f"This is the {'last' if step > 0 else 'first'} page.", severity="warning")

    # Order

    def action_sort(self) -> None:
        """Sort by the next column."""
        self._sort(self.ORDERS[(self.ORDERS.index(self._query.sort) + 1) % len(self.ORDERS)])

    def action_reverse(self) -> None:
        """Reverse the sort order."""
        self._sort(self._query.sort, not self._query.reverse)

    @on(DataTable.HeaderSelected)
    def _sort_by_mouse(self, event: DataTable.HeaderSelected) -> None:
        sort = self.ORDERS[event.column_index]
        self._sort(sort, sort == self._query.sort and not self._query.reverse)

    def _sort(self, sort: str, reverse: bool = False) -> None:
        self._request(replace(self._query, sort=sort, reverse=reverse, page=1))

    # Filter

    @property
    def _filter_line(self) -> FilterLine:
        return self.query_one(FilterLine)

    def action_filter(self) -> None:
        """Edit the filter."""
        self._filter_line.open()

    def action_clear_filter(self) -> None:
        """Remove the filter."""
        self._filter_line.action_clear()

    @on(FilterLine.Typed)
    def _filter(self, message: FilterLine.Typed) -> None:
        self._request(replace(self._query, filter=message.text, page=1))

    @on(FilterLine.Left)
    def _return_to_table(self) -> None:
        self.take_focus()

    # The focused result, and the marked ones

    @property
    def result(self) -> Result | None:
        """Return the focused result."""
        return self._result(self.table.focused_key)

    def _result(self, key: str | None) -> Result | None:
        return next((result for result in self.page.results if result.id == key), None)

    def show_detail(self) -> None:
        """Show the details once the result's run has been read; the previous details stay until then."""
        wanted = self.result.benchmark_id if self.result else ""
        if not wanted or any(result.benchmark_id == wanted for result in self._run):
            super().show_detail()
        elif wanted != self._run_requested:
            self._run_requested = wanted
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
        if any(result.benchmark_id == self._run_requested for result in message.run):
            self._run = message.run
            self.show_detail()

    def detail(self, snapshot: Snapshot, key: str) -> str:
        """Return a summary and the figures of a result."""
        result = self._result(key)
        if result is None:
            return ""
        summary = summarize(self._run)
        if result.variant == ORIGINAL:
            return "\n".join([_title(result), *_facts(result), "", *summary.lines()])
        return "\n".join([_title(result), *summary.lines(result.variant), *_facts(result)])

    def details_title(self, key: str) -> str:
        """Return the title above the details of a result."""
        return f"Result {key}"

    def action_compare(self) -> None:
        """Compare the marked results, or a single marked one with the focused one. The oldest is the baseline."""
        keys = self.table.marked
        if len(keys) == 1:
            keys = [*dict.fromkeys([*keys, self.table.focused_key or ""])]
        chosen = sorted(filter(None, map(self._result, keys)), key=lambda result: result.created_at)
        if len(chosen) < 2:
            self.notify("Mark at least two results with Space, then press c.", severity="warning")
            return
        from tui.dashboard.results.compare import CompareScreen

        self.app.push_screen(CompareScreen(self.workspace, chosen))

    def action_trend(self) -> None:
        """Show the trend of the focused result's variant."""
        if self.result:
            from tui.dashboard.results.trend import TrendScreen

            self.app.push_screen(TrendScreen(self.workspace, self.result))

    def action_pareto(self) -> None:
        """Show the Pareto front of the focused result's voice."""
        if self.result:
            from tui.dashboard.results.pareto import ParetoScreen

            self.app.push_screen(ParetoScreen(self.workspace, self.result))

    def action_sound(self) -> None:
        """Show the recordings of the focused result's variant."""
        if self.result:
            from tui.dashboard.results.sound import SoundScreen

            self.app.push_screen(SoundScreen(self.workspace, self.result))

    def action_export(self) -> None:
        """Export the history."""
        from tui.dashboard.results.export import ExportScreen

        voice = self.result.voice if self.result else None
        self.app.push_screen(ExportScreen(self.workspace, voice, self.actions.export_results), self.report)


def _read_query(state: Mapping[str, Any]) -> ResultQuery:
    """Read a query from a saved state, without its invalid entries."""
    text, sort, page = state.get("filter"), state.get("sort"), state.get("page")
    query = ResultQuery(reverse=state.get("reverse") is True)
    with suppress(InvalidInput):
        query = replace(query, filter=text if isinstance(text, str) and read_filter(text) else "")
    if sort in ResultsPane.ORDERS:
        query = replace(query, sort=str(sort))
    if type(page) is int and 1 <= page <= _MAX_PAGE:
        query = replace(query, page=page)
    return query


def _describe_page(page: HistoryPage) -> str:
    """Return which results are shown, of how many, and in which order."""
    if not page.results:
        return ""
    first = (page.query.page - 1) * ROWS + 1
    shown = f"{first} to {first + len(page.results) - 1} of {page.total}"
    several = f"; page {page.query.page} of {page.last}: n next, N back" if page.last > 1 else ""
    return (shown if several else counted(page.total, "result")) + f", {_order(page.query)}{several}"


def _order(query: ResultQuery) -> str:
    if query.sort == WHEN:
        return "oldest first" if query.reverse else "newest first"
    header = ResultsPane.HEADERS[ResultsPane.ORDERS.index(query.sort)].lstrip(">").removesuffix(", 95 %")
    return f"by {header}" + (" reversed" if query.reverse else "")


def _cells(result: Result) -> tuple[str, ...]:
    return (
        short_time(result.created_at),
        shortened(result.voice, 20),
        shortened(result.variant, 20),
        str(result.threads),
        speedup(result),
        sound(result),
        *(metric_cell(result, metric) for metric in HISTORY_COLUMNS),
    )


def _title(result: Result) -> str:
    options = "ONNX Runtime defaults" if result.stock else "thread count fixed"
    at = counted(result.threads, "thread")
    verdict = BASELINE if result.variant == ORIGINAL else result.verdict or "not timed"
    return f"{result.voice}, {result.variant}, {at}, {options}: {verdict}"


def _facts(result: Result) -> list[str]:
    versions = ", ".join(f"{name} {value}" for name, value in result.environment.items())
    empty, limits = unmeasured_reasons(result), result.limits.words if result.limits else ()
    return [
        *_worse(result),
        *_timing(result),
        *_load(result),
        f"texts {result.spoken}",
        *([f"not measured: {empty}"] if empty else []),
        *([f"the worker was limited: {', '.join(limits)}"] if limits else []),
        f"on {result.machine_facts['cpu']}, {result.machine_facts['cores']} cores; {versions}",
    ]


def _worse(result: Result) -> list[str]:
    """Return what has become worse on that machine, and what changed since."""
    if not result.regression:
        return []
    changed = "; ".join(result.regression["changed"]) or "no installed software"
    return [f"! worse: {'; '.join(result.regression['worse'])}", f"  changed since: {changed}"]


def _timing(result: Result) -> list[str]:
    if result.latency_ms is None:
        return []
    return [
        f"latency {decimal(result.latency_ms, 0)} ms (p90 {decimal(result.latency_p90_ms, 0)}), the original "
        f"{decimal(result.original_latency_ms, 0)} ms; loads in {decimal(result.load_s, 2)} s; {result.pairs} pairs"
    ]


def _load(result: Result) -> list[str]:
    """Return the time to first audio, and the throughput of parallel requests."""
    first = [f"first audio {result.ttfa_ms:.0f} ms"] if result.ttfa_ms is not None else []
    parallel = f" ({result.requests} parallel requests)" if result.requests else ""
    throughput = [f"throughput {result.throughput:.1f}x real time{parallel}"] if result.throughput is not None else []
    return ["; ".join([*first, *throughput])] if first or throughput else []
