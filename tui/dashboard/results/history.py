"""Pages of the history for the Results tab. Read them in a thread."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace

from core.history.filter import read_filter
from core.history.listing import WHEN, list_page
from core.records.results import Result
from core.store.database import open_store
from core.store.results import list_results
from core.workspace import Workspace

ROWS = 50
"""Rows of a page: more take too long to read and to lay out."""


@dataclass(frozen=True)
class ResultQuery:
    """Which results to show."""

    filter: str = ""
    sort: str = WHEN
    """One of `core.history.listing.SORTS`."""
    reverse: bool = False
    page: int = 1
    """Starts at 1."""


@dataclass(frozen=True)
class HistoryPage:
    """A page of results."""

    query: ResultQuery = field(default_factory=ResultQuery)
    """The query, with the last page if it asked for one beyond."""
    results: list[Result] = field(default_factory=list)
    total: int = 0
    """How many results match in all."""

    @property
    def last(self) -> int:
        """Return the number of the last page."""
        return max(1, -(-self.total // ROWS))


def read_history(workspace: Workspace, query: ResultQuery) -> HistoryPage:
    """Read a page. Raises InvalidInput for an invalid filter."""
    terms = read_filter(query.filter)
    with closing(open_store(workspace)) as db:
        page = list_page(db, terms, query.sort, query.reverse, ROWS, query.page)
        found = HistoryPage(query, page.results, page.total)
        if query.page > found.last:
            return read_history(workspace, replace(query, page=found.last))
        return found


def read_run(workspace: Workspace, benchmark_id: str) -> list[Result]:
    """Read all results of a benchmark."""
    with closing(open_store(workspace)) as db:
        return list_results(db, benchmark_id=benchmark_id)
