"""Snapshots of every screen."""

from contextlib import closing

import pytest

from core.store.database import open_store
from core.store.pausing import pause_jobs
from core.store.queue_control import pause
from core.workspace import Workspace
from tests.tui.pilot import RECORDED, Compare, dashboard, greeted, presses

pytestmark = pytest.mark.usefixtures("every_recipe")


@pytest.mark.parametrize("keys", "12345", ids=["voices", "queue", "results", "selection", "system"])
def test_each_tab_with_a_history_at_80x24(snap_compare: Compare, full: Workspace, keys: str) -> None:
    assert snap_compare(dashboard(full, environment=RECORDED), terminal_size=(80, 24), run_before=presses(keys))


@pytest.mark.parametrize(
    ("keys", "size"),
    [("2", (80, 24)), ("2jj", (80, 24)), ("2jjjjj", (80, 24)), ("2jjjjj", (120, 36))],
    ids=["running", "waiting", "failed", "large"],
)
def test_the_queue_at_work(snap_compare: Compare, worked: Workspace, keys: str, size: tuple[int, int]) -> None:
    assert snap_compare(dashboard(worked, environment=RECORDED), terminal_size=size, run_before=presses(*keys))


def test_the_queue_while_it_is_paused(snap_compare: Compare, worked: Workspace) -> None:
    with closing(open_store(worked)) as db:
        pause(db)
    assert snap_compare(dashboard(worked, environment=RECORDED), terminal_size=(80, 24), run_before=presses("2", "j"))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["small", "large"])
def test_the_queue_with_a_paused_job(snap_compare: Compare, worked: Workspace, size: tuple[int, int]) -> None:
    with closing(open_store(worked)) as db:
        db.execute("UPDATE jobs SET kind = 'distill', variant = 'distilled', attempt = 1, progress = 0.43 WHERE id = 6")
        pause_jobs(db, [6])
    assert snap_compare(dashboard(worked, environment=RECORDED), terminal_size=size, run_before=presses("2", "j"))


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=["small", "large"])
def test_the_activity_since_the_last_visit(snap_compare: Compare, left: Workspace, size: tuple[int, int]) -> None:
    assert snap_compare(dashboard(left, environment=RECORDED), terminal_size=size, run_before=greeted)


@pytest.mark.parametrize("keys", "1234", ids=["voices", "queue", "results", "selection"])
def test_each_tab_of_an_empty_workspace(snap_compare: Compare, empty: Workspace, keys: str) -> None:
    assert snap_compare(dashboard(empty, environment=RECORDED), terminal_size=(80, 24), run_before=presses(keys))


@pytest.mark.parametrize("keys", "2345", ids=["queue", "results", "selection", "system"])
def test_each_tab_on_a_large_screen(snap_compare: Compare, full: Workspace, keys: str) -> None:
    assert snap_compare(dashboard(full, environment=RECORDED), terminal_size=(200, 60), run_before=presses(keys))


@pytest.mark.parametrize(
    "keys",
    [("1", "j", "o"), ("1", "j", "b"), ("2", "j", "c"), ("1", "question_mark"), ("1", "j", "j"), ("2", "enter")],
    ids=["optimize", "benchmark", "cancel", "help", "a variant", "details"],
)
def test_what_opens_over_a_tab(snap_compare: Compare, full: Workspace, keys: tuple[str, ...]) -> None:
    assert snap_compare(dashboard(full, environment=RECORDED), terminal_size=(80, 24), run_before=presses(*keys))


@pytest.mark.parametrize(("theme", "keys"), [("light", "2"), ("high-contrast", "1"), ("color-blind", "4")])
def test_other_themes(snap_compare: Compare, full: Workspace, theme: str, keys: str) -> None:
    app = dashboard(full, environment=RECORDED, screen={"app": {"theme": theme}})
    assert snap_compare(app, terminal_size=(120, 40), run_before=presses(keys))


def test_without_color(snap_compare: Compare, full: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(dashboard(full, environment=RECORDED), terminal_size=(80, 24), run_before=presses("2"))
