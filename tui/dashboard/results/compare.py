"""The screen that compares results."""

from collections.abc import Sequence
from contextlib import closing

from textual.app import ComposeResult

from core.history.compare import Comparison, compare_results, read_samples
from core.records.results import Result
from core.store.database import open_store
from core.workspace import Workspace
from tui.dashboard.common.scrolled_text import ScrolledText
from tui.dashboard.common.table import KeyedTable
from tui.dashboard.results.reading import ReadingScreen
from tui.text.results import comparison_headers, comparison_rows, comparison_words


class CompareScreen(ReadingScreen[list[Comparison]]):
    """One column per result, with ratios to the first; below, which is faster and by which rule."""

    def __init__(self, workspace: Workspace, results: Sequence[Result]) -> None:
        super().__init__(workspace, f"Comparing {len(results)} results (baseline: first column)")
        self._results = results

    def body(self) -> ComposeResult:
        """Compose the table and the verdicts."""
        yield KeyedTable(comparison_headers(self._results), id="comparison")
        yield ScrolledText()

    def read(self) -> list[Comparison]:
        """Compare the results with the first."""
        with closing(open_store(self.workspace)) as db:
            first, *others = (read_samples(db, result) for result in self._results)
            return compare_results(first, others)

    async def show(self, found: list[Comparison]) -> None:
        """Show the comparisons."""
        self.show_text("")
        table = self.query_one(KeyedTable)
        table.show([(row[0], row) for row in comparison_rows(self._results, found)])
        table.focus()
        self.query_one(ScrolledText).show_lines(comparison_words(self._results[0], found))
