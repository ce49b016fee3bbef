"""What each screen looks like, as pictures that are compared."""

from collections.abc import Awaitable, Callable
from contextlib import closing

import pytest
from textual.pilot import Pilot

from core.doctor.finding import Finding
from core.store.control import pause
from core.store.database import open_store
from core.workspace import Workspace
from jobs.doctor import Findings
from tests.core.machines import SERVER
from tests.tui.conftest import MACHINE
from tui.app import Dashboard
from tui.screens.optimize import OptimizeScreen
from tui.widgets.voices_pane import VoicesPane

Compare = Callable[..., bool]
FOUND = {
    "machine": [Finding("processor", "ok", "Example CPU 9000: fast int8 (VNNI)")],
    "worker": [Finding("worker", "problem", "none runs, and 3 jobs wait", "ttsdash worker start")],
}


async def greeted(pilot: Pilot[None]) -> None:
    await presses()(pilot)
    while len(pilot.app.screen_stack) == 1:
        await pilot.pause(0.02)
    await pilot.pause()


def is_looking(app: Dashboard) -> bool:
    """Whether something that is shown is still being read."""
    voice, screen = app.query_one(VoicesPane).voice, app.screen
    unread = voice and voice.id not in app.query_one(VoicesPane)._prospects
    unread = unread or (isinstance(screen, OptimizeScreen) and screen._prospects is None)
    reads = ("system", "look", "doctor", "assistant", "history")
    return bool(unread) or any(worker.group in reads and not worker.is_finished for worker in app.workers)


def presses(*keys: str) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Press the keys once the store is shown, and wait until all is drawn."""

    async def run(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Dashboard)
        while app.snapshot is None or len(app.query("TabPane > *")) < 5:
            await pilot.pause(0.02)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        while is_looking(app):
            await pilot.pause(0.02)
        await pilot.pause()

    return run


@pytest.fixture(autouse=True)
def fixed_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no two machines show alike."""

    async def examine(_: Workspace) -> Findings:
        return FOUND

    monkeypatch.setattr("tui.examination.examine_apart", examine)
    monkeypatch.setattr("tui.widgets.system_pane.now", lambda: "2024-01-02T09:02:25.000Z")
    monkeypatch.setattr("tui.system_facts.machine_facts", lambda: {"processor": "Example CPU 9000"})
    monkeypatch.setattr("tui.system_facts.version_facts", lambda: {"onnxruntime": "1.32.0"})
    monkeypatch.setattr("tui.system_facts.disk_facts", lambda _: {"free": "12.3 GB of 50.0 GB"})
    monkeypatch.setattr("core.hardware.probes.ask_apart", lambda: SERVER)
    monkeypatch.setattr("tui.snapshot.this_machine", lambda: MACHINE)
    monkeypatch.setattr("core.recipes.Recipe.missing", None)
    monkeypatch.setattr("tui.formats.now", lambda: "2024-01-02T09:02:25.000Z")


@pytest.mark.parametrize("keys", "12345", ids=["voices", "queue", "results", "selection", "system"])
def test_each_tab_with_a_history_at_80x24(snap_compare: Compare, full: Workspace, keys: str) -> None:
    assert snap_compare(Dashboard(full, autostart=False), terminal_size=(80, 24), run_before=presses(keys))


@pytest.mark.parametrize(
    ("keys", "size"),
    [("2", (80, 24)), ("2jj", (80, 24)), ("2jjjjj", (80, 24)), ("2jjjjj", (120, 36))],
    ids=["running", "waiting", "failed", "large"],
)
def test_the_queue_at_work(snap_compare: Compare, worked: Workspace, keys: str, size: tuple[int, int]) -> None:
    assert snap_compare(Dashboard(worked, autostart=False), terminal_size=size, run_before=presses(*keys))


def test_the_queue_while_it_is_paused(snap_compare: Compare, worked: Workspace) -> None:
    with closing(open_store(worked)) as db:
        pause(db)
    assert snap_compare(Dashboard(worked, autostart=False), terminal_size=(80, 24), run_before=presses("2", "j"))


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=["small", "large"])
def test_the_greeting_of_who_comes_back(snap_compare: Compare, left: Workspace, size: tuple[int, int]) -> None:
    assert snap_compare(Dashboard(left, autostart=False), terminal_size=size, run_before=greeted)


@pytest.mark.parametrize("keys", "1234", ids=["voices", "queue", "results", "selection"])
def test_each_tab_before_anything_happened(snap_compare: Compare, empty: Workspace, keys: str) -> None:
    assert snap_compare(Dashboard(empty, autostart=False), terminal_size=(80, 24), run_before=presses(keys))


@pytest.mark.parametrize("keys", "2345", ids=["queue", "results", "selection", "system"])
def test_each_tab_on_a_large_screen(snap_compare: Compare, full: Workspace, keys: str) -> None:
    assert snap_compare(Dashboard(full, autostart=False), terminal_size=(200, 60), run_before=presses(keys))


@pytest.mark.parametrize(
    "keys",
    [("1", "j", "o"), ("2", "j", "c"), ("1", "question_mark"), ("1", "j", "j")],
    ids=["optimize", "cancel", "help", "a variant"],
)
def test_what_opens_over_a_tab(snap_compare: Compare, full: Workspace, keys: tuple[str, ...]) -> None:
    assert snap_compare(Dashboard(full, autostart=False), terminal_size=(80, 24), run_before=presses(*keys))


@pytest.mark.parametrize(("theme", "keys"), [("light", "2"), ("high-contrast", "1"), ("colour-blind", "4")])
def test_other_looks(snap_compare: Compare, full: Workspace, theme: str, keys: str) -> None:
    app = Dashboard(full, autostart=False, screen={"app": {"theme": theme}})
    assert snap_compare(app, terminal_size=(120, 40), run_before=presses(keys))


def test_without_colour(snap_compare: Compare, full: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(Dashboard(full, autostart=False), terminal_size=(80, 24), run_before=presses("2"))
