"""Results side by side."""

from collections.abc import Sequence
from contextlib import closing

from textual.app import ComposeResult

from core.history.compare import Comparison, compare, measured_of
from core.records.results import Result
from core.store.database import open_store
from core.workspace import Workspace
from tui.dashboard.common.scrolled_text import ScrolledText
from tui.dashboard.common.table import KeyedTable
from tui.dashboard.results.reading import ReadingScreen
from tui.text.results import comparison_headers, comparison_rows, comparison_words


class CompareScreen(ReadingScreen[list[Comparison]]):
    """A column a result, each beside the first; below it, which is faster, where a rule allows to say it."""

    def __init__(self, workspace: Workspace, results: Sequence[Result]) -> None:
        super().__init__(workspace, f"{len(results)} results side by side, each beside the first")
        self._results = results

    def body(self) -> ComposeResult:
        yield KeyedTable(comparison_headers(self._results), id="comparison")
        yield ScrolledText()

    def read(self) -> list[Comparison]:
        with closing(open_store(self.workspace)) as db:
            first, *others = (measured_of(db, result) for result in self._results)
            return compare(first, others)

    async def show(self, found: list[Comparison]) -> None:
        self.tell("")
        table = self.query_one(KeyedTable)
        table.show([(row[0], row) for row in comparison_rows(self._results, found)])
        table.focus()
        self.query_one(ScrolledText).show_lines(comparison_words(self._results[0], found))
