"""The Pareto view of a voice's variants: size, speed-up and sound."""

from contextlib import closing

from textual.app import ComposeResult

from core.hardware.machine import Machine
from core.history.names import variants_of
from core.history.pareto import Judged, pareto
from core.records.results import Result
from core.store.database import open_store
from core.store.results import newest_result
from core.workspace import Workspace
from tui.dashboard.common.table import KeyedTable
from tui.dashboard.results.reading import ReadingScreen
from tui.text.results import DOMINATED, PARETO_HEADERS, pareto_row

_SIGNS = {"transparent": "●", "slight": "○", "noticeable": "△", "broken": "×"}


class ParetoScreen(ReadingScreen[list[Judged]]):
    """The newest all-core result of each variant of the result's voice on its machine."""

    def __init__(self, workspace: Workspace, result: Result) -> None:
        super().__init__(workspace, f"Variants of {result.voice} on {result.machine_facts['cpu']}, at all cores")
        self._result = result

    def body(self) -> ComposeResult:
        yield KeyedTable((">", *PARETO_HEADERS), id="front")

    def read(self) -> list[Judged]:
        import tui.dashboard.results.chart  # noqa: F401  (slow: imported in this thread)

        voice, machine = self._result.voice_id, Machine(self._result.machine, self._result.machine_facts)
        with closing(open_store(self.workspace)) as db:
            newest = [newest_result(db, voice, variant, machine) for variant in variants_of(db, voice)]
        return pareto([result for result in newest if result])

    async def show(self, found: list[Judged]) -> None:
        placed = {str(number): one for number, one in enumerate(found, 1)}
        table = self.query_one(KeyedTable)
        table.show([(number, (number, *pareto_row(one))) for number, one in placed.items()])
        table.focus()
        drawn = {number: one for number, one in placed.items() if one.result.speedup is not None}
        self.show_heading(_heading(found, len(drawn)))
        if len(drawn) > 1:
            from tui.dashboard.results.chart import Chart

            chart = Chart()
            await self.mount(chart, after=".heading")
            x = {number: one.result.size_bytes / 1e6 for number, one in drawn.items()}
            y = {number: one.result.speedup or 0.0 for number, one in drawn.items()}
            chart.frame([*x.values()], [*y.values(), 1.0])
            chart.level(1.0)
            for number, one in drawn.items():
                chart.mark([x[number]], [y[number]], _SIGNS.get(one.result.grade or "", "?"))
                chart.note(x[number], y[number], number)


def _heading(found: list[Judged], drawn: int) -> str:
    if not found:
        return "No all-core results yet: run a benchmark."
    if drawn < 2:
        return f"Only one variant has a speed-up: nothing to compare yet.\n{DOMINATED}"
    signs = "   ".join(f"{sign} {grade}" for grade, sign in _SIGNS.items())
    return f"speed-up over MB   {signs}\n{DOMINATED}"
