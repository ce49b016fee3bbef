"""Keys, the palette, themes, and the saved state of the screen."""

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from textual.binding import Binding
from textual.command import CommandPalette
from textual.events import Key
from textual.widgets import Input, OptionList, Static

from core.errors import InvalidInput
from core.records.jobs import Job
from core.records.voices import Voice
from core.store.database import open_store
from core.store.jobs import add_job, get_job
from core.store.queue_control import JobUpdate, pause, update_job
from core.store.screen_state import read_screen, save_screen
from core.workspace import Workspace
from jobs.edit import JobEdit
from jobs.submit import variant_job
from tests.tui.pilot import DrivenDashboard, dashboard, is_ready, store, text_of, until
from tests.waiting import wait_until
from tui.dashboard.app import Dashboard
from tui.dashboard.common.scrolled_text import KeyScroll
from tui.dashboard.common.table import KeyedTable
from tui.dashboard.common.tabs import Tabs
from tui.dashboard.keymap import active_keys, own_bindings, read_keymap
from tui.dashboard.queue.edit_job import editable_fields, read_edit
from tui.dashboard.queue.pane import QueuePane
from tui.dashboard.queue.running_job import RunningJob
from tui.dashboard.results.pane import ResultsPane
from tui.dashboard.selection.pane import SelectionPane
from tui.dashboard.snapshot import SnapshotReader
from tui.dashboard.system.pane import SystemPane
from tui.dashboard.tab_list import TABS
from tui.dashboard.themes import THEME_CYCLE
from tui.dashboard.voices.pane import VoicesPane


def last_notice(app: DrivenDashboard) -> str:
    return app.notices[-1] if app.notices else ""


async def test_a_custom_key_replaces_the_default(full: Workspace) -> None:
    full.settings_file.write_text("keys:\n  queue.pause: ctrl+z\n  app.help: f1,h\n")
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs and app.keys)
        await pilot.press("2", "p", "ctrl+z")
        await until(pilot, lambda: store(app).queue.paused)
        assert ("^z", "Pause all") in active_keys(app)
        await pilot.press("h")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        assert "f1, h" in str(app.screen.query("Static")[1].render())


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("keys: {voices.jump: x}", "voices.jump: unknown action; actions: voices.add_voice, voices.all, "),
        ("keys: {jump: x}", "jump: unknown action; actions: app.…, pane.…, queue.…"),
        ("keys: {queue.pause: pp}", "queue.pause: 'pp' is not a key: write x, X, f5 or ctrl+x"),
        ("keys: {queue.pause: [x]}", "queue.pause: \"['x']\" is not a key"),
        ("keys: {queue.pause: 1}", "queue.pause: '1' is already the key of app.voices: change that one, too"),
        ("keys: {results.sort: /, queue.jump: x}", "queue.jump: unknown action; actions: queue.cancel"),
        ("keys: [x]", "keys: write actions with their keys"),
        ("hook: [", "ttsdash.yaml, line 1: not YAML"),
    ],
)
async def test_invalid_keys_are_reported_in_one_line_and_the_others_work(
    written: str, problem: str, full: Workspace
) -> None:
    full.settings_file.write_text(written)
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: last_notice(app))
        assert problem in last_notice(app)
        assert "\n" not in last_notice(app)
        await pilot.press("2")
        assert app.query_one(Tabs).active == "queue"


@pytest.mark.parametrize(
    ("wanted", "accepted", "problems"),
    [
        ({"queue.cancel": "x", "queue.pause": "pp"}, {"queue.cancel": "x"}, ["queue.pause: 'pp' is not a key"]),
        (
            {"queue.cancel": "x", "queue.log": "x"},
            {"queue.log": "x"},
            ["queue.cancel: 'x' is already the key of queue.log"],
        ),
        # Two actions swap their keys.
        ({"queue.cancel": "r", "queue.retry": "c"}, {"queue.cancel": "r", "queue.retry": "c"}, []),
        ({"results.sort": "slash"}, {}, ["results.sort: '/' is already the key of results.filter"]),
        ({"results.sort": "/", "results.filter": "f"}, {"results.sort": "/", "results.filter": "f"}, []),
        ({"voices.all": "j"}, {}, ["voices.all: 'j' is already the key of Down"]),
        # In another tab the key is free.
        ({"voices.all": "x"}, {"voices.all": "x"}, []),
        ({"app.worker": "x"}, {}, ["app.worker: 'x' is already the key of results.export"]),
    ],
)
def test_invalid_keys_do_not_affect_the_others(
    wanted: dict[str, str], accepted: dict[str, str], problems: list[str]
) -> None:
    panes = [VoicesPane, QueuePane, ResultsPane, SelectionPane, SystemPane]
    keymap = read_keymap(wanted, panes, [KeyedTable, Dashboard])
    assert keymap.keys == accepted
    assert len(keymap.problems) == len(problems)
    for line, problem in zip(keymap.problems, problems, strict=True):
        assert line.startswith(f"ttsdash.yaml: keys: {problem}")


async def test_tabs_that_switch_faster_than_they_are_drawn_end_at_the_last_one(full: Workspace) -> None:
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await until(pilot, lambda: app.all_tabs_ready)
        switches: list[str] = []

        def record(tab: str) -> None:
            switches.append(tab)

        app.watch(app.query_one(Tabs), "active", record, init=False)
        for key in "1234512345jj2345123452":
            app.post_message(Key(key, key))
        await until(pilot, lambda: app.query_one(QueuePane).table.has_focus)
        count = len(switches)
        await pilot.pause(0.3)
        assert (switches[-1], len(switches)) == ("queue", count)


async def test_the_key_of_a_tab_focuses_its_table_again(full: Workspace) -> None:
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.press("2", "tab", "tab")
        await until(pilot, lambda: app.query_one(QueuePane).table.has_focus)
        app.set_focus(None)
        await pilot.press("2")
        await until(pilot, lambda: app.query_one(QueuePane).table.has_focus)


async def test_without_voices_their_keys_point_to_the_one_that_adds_one(empty: Workspace) -> None:
    app = dashboard(empty)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        for key in "obvA":
            app.notices.clear()
            await pilot.press(key)
            assert last_notice(app) == "No voices yet: press a to add one."
        assert len(app.screen_stack) == 1


async def test_long_dialogs_scroll_with_the_keys_of_tables(full: Workspace) -> None:
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.press("question_mark")
        await until(pilot, lambda: app.screen.query(KeyScroll))
        area = app.screen.query_one(KeyScroll)
        await pilot.press("G")
        await until(pilot, lambda: area.scroll_y == area.max_scroll_y > 0)
        await pilot.press("g", "j", "j", "k")
        await until(pilot, lambda: area.scroll_y == 1)


async def test_the_palette_offers_every_action_and_runs_it_in_its_tab(full: Workspace) -> None:
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await until(pilot, lambda: app.all_tabs_ready)
        offered = {command.title for command in app.get_system_commands(app.screen)}
        nodes = {"": app, **{f"{tab.title}: ": app.panes[tab.id] for tab in TABS}}
        actions = [(prefix, binding) for prefix, node in nodes.items() for binding in own_bindings(type(node))]
        named = {f"{prefix}{binding.description}" for prefix, binding in actions if binding.id}
        assert named <= offered
        assert {"Queue: Pause all", "Queue: Pause job", "Voices: Optimize", "Help", "Next theme"} <= named
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        app.screen.query_one(Input).value = "Queue: Pause all"
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count)
        await pilot.press("enter")
        await until(pilot, lambda: store(app).queue.paused)
        assert app.query_one(Tabs).active == "queue"


def test_every_action_has_a_unique_id() -> None:
    found: dict[str, Binding] = {}
    for kind in (Dashboard, KeyedTable, VoicesPane, QueuePane, ResultsPane, SelectionPane, SystemPane):
        for binding in own_bindings(kind):
            assert binding.id or binding.action in MOVES, binding
            assert found.setdefault(binding.id or "", binding) is binding or not binding.id


MOVES = {
    *("cursor_down", "cursor_up", "scroll_top", "scroll_bottom"),
    *("scroll_down", "scroll_up", "scroll_home", "scroll_end"),
}


async def test_the_dashboard_reopens_as_it_was_left(full: Workspace) -> None:
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await pilot.press("T", "T", "j", "2")
        await until(pilot, lambda: app.query_one(QueuePane).table.has_focus)
        await pilot.press("j", "j")
        voice, job = app.query_one(VoicesPane).table.focused_key, app.query_one(QueuePane).table.focused_key
        await pilot.press("q")
    with closing(open_store(full)) as db:
        # Written by a thread that outlives the app.
        saved = wait_until(lambda: (screen := read_screen(db)).get("queue-pane") == {"row": job} and screen)
    assert saved["app"] == {"tab": "queue", "theme": THEME_CYCLE[2]}

    again = dashboard(full, screen=saved)
    async with again.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: again.query(QueuePane) and again.query_one(QueuePane).table.focused_key == job)
        assert (again.theme, again.query_one(Tabs).active) == (THEME_CYCLE[2], "queue")
        assert again.query_one(QueuePane).table.has_focus
        assert again.query_one(VoicesPane).table.focused_key == voice


@pytest.mark.parametrize(
    "saved",
    [
        {"app": {"tab": "unknown", "theme": 7}, "voices-pane": {"row": "nobody/original"}},
        {"app": {}, "queue-pane": {"row": ["x"]}, "system-pane": {"scrolled": "far"}, "unknown": {"row": "1"}},
    ],
)
async def test_an_outdated_or_broken_state_is_ignored(saved: dict[str, Any], full: Workspace) -> None:
    app = dashboard(full, screen=saved)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        assert app.query_one(Tabs).active == "voices"
        assert app.query_one(VoicesPane).table.cursor_row == 0


def test_the_saved_state_is_replaced_part_by_part(db: sqlite3.Connection) -> None:
    assert read_screen(db) == {}
    save_screen(db, {"app": {"tab": "queue"}, "queue-pane": {"row": "7"}})
    save_screen(db, {"app": {"tab": "voices"}})
    assert read_screen(db) == {"app": {"tab": "voices"}, "queue-pane": {"row": "7"}}


@pytest.mark.parametrize("theme", THEME_CYCLE)
async def test_every_theme_has_enough_contrast(theme: str, full: Workspace) -> None:
    """WCAG 2 requires 4.5 to 1, and 7 to 1 for high contrast."""
    app = dashboard(full, screen={"app": {"theme": theme}})
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        for selector in ("#workspace", "#worker", ".detail PlainText", "#voices-table"):
            widget = app.query(selector).first()
            background, foreground = widget.colors[2:]
            minimum = 7 if theme == "high-contrast" else 4.5
            contrast = _contrast(foreground.rgb, background.rgb)
            assert contrast >= minimum, f"{selector}: {contrast:.1f}"
        assert "Tab" not in text_of(app, "#workspace")


def _contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: tuple[int, int, int]) -> float:
    linear = [
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in (c / 255 for c in color)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


async def test_marked_jobs_are_cancelled_and_retried_together(worked: Workspace) -> None:
    app = dashboard(worked)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        states = {job.id: job.state for job in store(app).jobs}
        waiting = [job_id for job_id, state in states.items() if state == "queued"]
        await pilot.press("2")
        queue = app.query_one(QueuePane)
        await until(pilot, lambda: queue.table.has_focus)
        queue.table.focus_row(str(waiting[0]))
        await pilot.press("space", "space")
        assert queue.table.marked == [str(job_id) for job_id in waiting[:2]]
        assert queue.table.border_title == "2 marked (Esc clears)"
        await pilot.press("c")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        assert f"Cancel 2 jobs ({waiting[0]}, {waiting[1]})?" in str(app.screen.query_one("Static", Static).render())
        await pilot.press("y")
        await until(pilot, lambda: {states_of(app)[job_id] for job_id in waiting[:2]} == {"cancelled"})
        # They have moved, and are still marked.
        assert sorted(map(int, queue.table.marked)) == sorted(waiting[:2])
        await pilot.press("r")
        await until(pilot, lambda: {states_of(app)[job_id] for job_id in waiting[:2]} == {"queued"})
        await pilot.press("escape")
        assert (queue.table.marked, queue.table.border_title) == ([], "")


def states_of(app: Dashboard) -> dict[int, str]:
    return {job.id: job.state for job in store(app).jobs}


async def test_a_queued_job_is_edited_in_a_dialog(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    job_id = add_job(db, variant_job(voice, "dynamic"))
    pause(db)
    app = dashboard(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await pilot.press("2")
        await until(pilot, lambda: app.query_one(QueuePane).table.has_focus)
        await pilot.press("e")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("end", "x", "enter")
        assert text_of(app, "#problem") == "'0x' is not a priority: type a number"
        await pilot.press("backspace", "backspace", "7", "down", *"in 2h", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await until(pilot, lambda: store(app).jobs[0].priority == 7)
        assert store(app).jobs[0].not_before is not None
        assert last_notice(app).startswith(f"Job {job_id}: priority 7; not before ")


@pytest.mark.parametrize(
    ("typed", "changes"),
    [
        ({}, None),
        ({"priority": " 0 "}, None),
        ({"priority": "-3"}, JobEdit(priority=-3)),
        ({"priority": ""}, JobEdit(priority=0)),
        ({"after": "4, 5"}, JobEdit(after=(4, 5))),
        ({"after": ""}, JobEdit(after=())),
        ({"not_before": ""}, JobEdit(clear_not_before=True)),
        ({"params": "clip=max"}, JobEdit(params={"clip": "max"})),
    ],
)
def test_only_edited_fields_change(typed: dict[str, str], changes: JobEdit | None, job: Job) -> None:
    fields = editable_fields(job)
    assert read_edit(fields, {field.name: field.value for field in fields} | typed) == changes


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({"priority": "1001"}, "priority 1001 is out of range (-1000 to 1000)"),
        ({"priority": "1 2"}, "'1 2' is not a priority: type a number"),
        ({"after": "first"}, "'first' is not a job id"),
        ({"not_before": "in a while"}, "is not a duration"),
        ({"not_before": "soon"}, "'soon' is not a time"),
        ({"params": "loud"}, "loud"),
    ],
)
def test_invalid_input_is_reported_before_anything_changes(typed: dict[str, str], problem: str, job: Job) -> None:
    fields = editable_fields(job)
    with pytest.raises((InvalidInput, ValueError), match=re.escape(problem)):
        read_edit(fields, {field.name: field.value for field in fields} | typed)


@pytest.fixture
def job(db: sqlite3.Connection, voice: Voice) -> Job:
    """A job with every field that can be edited."""
    first = add_job(db, variant_job(voice, "guide"))
    job_id = add_job(db, variant_job(voice, "dynamic"))
    update_job(db, job_id, JobUpdate(after=(first,), not_before="2026-05-01T02:00:00.000Z"), "")
    return get_job(db, job_id)


async def test_recent_usage_is_drawn_on_a_wide_terminal(full: Workspace) -> None:
    app = dashboard(full)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: store(app).running)
        await pilot.press("2")
        running = replace(store(app).running[0], interrupted=False)
        widget = app.query_one(RunningJob)
        for beat, percent in enumerate((50.0, 50.0, 100.0)):
            widget.show(replace(running, cpu_percent=percent, rss_mb=400.0, heartbeat_at=str(beat)), None)
        # The same heartbeat again adds no value.
        widget.show(replace(running, cpu_percent=100.0, rss_mb=400.0, heartbeat_at="2"), None)
        used = str(widget.query_one(".usage", Static).render())
        # The first bar is the usage when the widget was mounted.
        assert re.fullmatch(r" +.▅▅█ 100 % CPU, +.███ 400 MB", used)


def test_results_and_selections_stay_the_same_objects_when_a_job_ends(full: Workspace) -> None:
    with closing(open_store(full)) as db, closing(open_store(full)) as other:
        reader = SnapshotReader(full, db)
        before = reader.read()
        other.execute("UPDATE jobs SET state = 'cancelled' WHERE state = 'queued'")
        after = reader.read()
        assert before and after
        assert after.jobs != before.jobs
        assert after.newest is before.newest
        assert after.selections is before.selections
