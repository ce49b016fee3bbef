"""The screen of a voice's Pareto front: size against speed-up."""

from contextlib import closing

from textual.app import ComposeResult

from core.hardware.machine import Machine
from core.history.names import variants_of
from core.history.pareto import ParetoPoint, compute_pareto
from core.records.results import Result
from core.store.database import open_store
from core.store.results import newest_result
from core.workspace import Workspace
from tui.dashboard.common.table import KeyedTable
from tui.dashboard.results.reading import ReadingScreen
from tui.text.results import DOMINATED, PARETO_HEADERS, different_texts, pareto_row

_SIGNS = {"transparent": "●", "slight": "○", "noticeable": "△", "broken": "×"}


class ParetoScreen(ReadingScreen[list[ParetoPoint]]):
    """The newest all-core result of each variant of the voice, on the result's machine."""

    def __init__(self, workspace: Workspace, result: Result) -> None:
        super().__init__(workspace, f"Variants of {result.voice} on {result.machine_facts['cpu']}, at all cores")
        self._result = result

    def body(self) -> ComposeResult:
        """Compose the table."""
        yield KeyedTable((">", *PARETO_HEADERS), id="front")

    def read(self) -> list[ParetoPoint]:
        """Read the newest results, and find the front."""
        import tui.dashboard.results.chart  # noqa: F401  (slow: in this thread)

        voice, machine = self._result.voice_id, Machine(self._result.machine, self._result.machine_facts)
        with closing(open_store(self.workspace)) as db:
            newest = [newest_result(db, voice, variant, machine) for variant in variants_of(db, voice)]
        return compute_pareto([result for result in newest if result])

    async def show(self, found: list[ParetoPoint]) -> None:
        """Show the table, and a chart if there is more than one point."""
        placed = {str(number): one for number, one in enumerate(found, 1)}
        table = self.query_one(KeyedTable)
        table.show([(number, (number, *pareto_row(one))) for number, one in placed.items()])
        table.focus()
        drawn = {number: one for number, one in placed.items() if one.result.speedup is not None}
        self.show_text(_legend(found, len(drawn)))
        if len(drawn) > 1:
            from tui.dashboard.results.chart import Chart

            chart = Chart()
            await self.mount(chart, after=".text")
            x = {number: one.result.size_bytes / 1e6 for number, one in drawn.items()}
            y = {number: one.result.speedup or 0.0 for number, one in drawn.items()}
            chart.frame([*x.values()], [*y.values(), 1.0])
            chart.level(1.0)
            for number, one in drawn.items():
                chart.mark([x[number]], [y[number]], _SIGNS.get(one.result.grade or "", "?"))
                chart.note(x[number], y[number], number)


def _legend(found: list[ParetoPoint], drawn: int) -> str:
    if not found:
        return "No all-core results yet: benchmark the voice first."
    if drawn < 2:
        return f"Only one variant has a speed: benchmark others to compare.\n{DOMINATED}"
    signs = "   ".join(f"{sign} {grade}" for grade, sign in _SIGNS.items())
    texts = different_texts([one.result for one in found])
    return "\n".join([f"speed-up over MB   {signs}", DOMINATED, *([texts] if texts else [])])
