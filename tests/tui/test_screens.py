"""What each screen looks like, as pictures that are compared."""

from collections.abc import Awaitable, Callable
from contextlib import closing

import pytest
from textual.pilot import Pilot

from core.store.control import pause
from core.store.database import open_store
from core.workspace import Workspace
from tests.core.machines import SERVER
from tests.tui.conftest import MACHINE
from tui.app import Dashboard

Compare = Callable[..., bool]
SYSTEM = "Machine\n  processor     Example CPU 9000\n\nVersions\n  onnxruntime   1.32.0"


async def greeted(pilot: Pilot[None]) -> None:
    await presses()(pilot)
    while len(pilot.app.screen_stack) == 1:
        await pilot.pause(0.02)
    await pilot.pause()


def presses(*keys: str) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Press the keys once the store is shown, and wait until all is drawn."""

    async def run(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Dashboard)
        while app.snapshot is None or len(app.query("TabPane > *")) < 4:
            await pilot.pause(0.02)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        while any(worker.group in ("system", "history") and not worker.is_finished for worker in app.workers):
            await pilot.pause(0.02)
        await pilot.pause()

    return run


@pytest.fixture(autouse=True)
def fixed_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no two machines show alike."""
    monkeypatch.setattr("tui.widgets.system_pane.describe_system", lambda _: SYSTEM)
    monkeypatch.setattr("core.hardware.probes.ask_apart", lambda: SERVER)
    monkeypatch.setattr("tui.snapshot.this_machine", lambda: MACHINE)
    monkeypatch.setattr("core.recipes.Recipe.missing", None)
    monkeypatch.setattr("tui.formats.now", lambda: "2024-01-02T09:02:25.000Z")


@pytest.mark.parametrize("keys", ["1", "2", "3", "4"], ids=["voices", "queue", "results", "system"])
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


@pytest.mark.parametrize("keys", ["1", "2", "3"], ids=["voices", "queue", "results"])
def test_each_tab_before_anything_happened(snap_compare: Compare, empty: Workspace, keys: str) -> None:
    assert snap_compare(Dashboard(empty, autostart=False), terminal_size=(80, 24), run_before=presses(keys))


@pytest.mark.parametrize("keys", ["2", "3"], ids=["queue", "results"])
def test_each_tab_on_a_large_screen(snap_compare: Compare, full: Workspace, keys: str) -> None:
    assert snap_compare(Dashboard(full, autostart=False), terminal_size=(200, 60), run_before=presses(keys))


@pytest.mark.parametrize(
    "keys",
    [("1", "j", "o"), ("2", "j", "c"), ("1", "question_mark"), ("1", "j", "j")],
    ids=["optimize", "cancel", "help", "a variant"],
)
def test_what_opens_over_a_tab(snap_compare: Compare, full: Workspace, keys: tuple[str, ...]) -> None:
    assert snap_compare(Dashboard(full, autostart=False), terminal_size=(80, 24), run_before=presses(*keys))


def test_without_colour(snap_compare: Compare, full: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(Dashboard(full, autostart=False), terminal_size=(80, 24), run_before=presses("2"))
