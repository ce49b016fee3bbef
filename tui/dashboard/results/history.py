"""Pages of the history as the dashboard asks for them, read off its thread."""

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
"""Of a page: more take too long to read and to lay out."""


@dataclass(frozen=True)
class Asked:
    """Which results one wants to see."""

    filter: str = ""
    sort: str = WHEN
    """One of `core.history.listing.SORTS`."""
    reverse: bool = False
    page: int = 1
    """The first is 1."""


@dataclass(frozen=True)
class HistoryPage:
    """What was found."""

    asked: Asked = field(default_factory=Asked)
    """What was asked for; if it is beyond the last page, that one."""
    results: list[Result] = field(default_factory=list)
    total: int = 0
    """How many fit in all."""

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(1, -(-self.total // ROWS))


def read_history(workspace: Workspace, asked: Asked) -> HistoryPage:
    """Raises BadInput for a filter that is none."""
    terms = read_filter(asked.filter)
    with closing(open_store(workspace)) as db:
        page = list_page(db, terms, asked.sort, asked.reverse, ROWS, asked.page)
        found = HistoryPage(asked, page.results, page.total)
        if asked.page > found.last:
            return read_history(workspace, replace(asked, page=found.last))
        return found


def read_run(workspace: Workspace, benchmark_id: str) -> list[Result]:
    """All results of a benchmark."""
    with closing(open_store(workspace)) as db:
        return list_results(db, benchmark_id=benchmark_id)
