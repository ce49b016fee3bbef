"""Keys, the palette, looks, and that one finds the dashboard as one left it."""

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
from tui.dashboard.common.scrolled_text import Scrolled
from tui.dashboard.common.table import KeyedTable
from tui.dashboard.common.tabs import Tabs
from tui.dashboard.keymap import bindings_of, own_keys, read_keymap
from tui.dashboard.queue.edit_job import fields_of, read_changes
from tui.dashboard.queue.pane import QueuePane
from tui.dashboard.queue.running_job import RunningJob
from tui.dashboard.results.pane import ResultsPane
from tui.dashboard.selection.pane import SelectionPane
from tui.dashboard.snapshot import SnapshotReader
from tui.dashboard.system.pane import SystemPane
from tui.dashboard.tab_list import TABS
from tui.dashboard.themes import IN_TURN
from tui.dashboard.voices.pane import VoicesPane


def last_notice(app: DrivenDashboard) -> str:
    return app.told[-1] if app.told else ""


async def test_a_key_of_the_settings_takes_the_place_of_the_default(full: Workspace) -> None:
    full.settings_file.write_text("keys:\n  queue.pause: ctrl+z\n  app.help: f1,h\n")
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs and app.keys)
        await pilot.press("2", "p", "ctrl+z")
        await until(pilot, lambda: store(app).queue.paused)
        assert ("^z", "Pause / resume") in own_keys(app)
        await pilot.press("h")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        assert "f1, h" in str(app.screen.query("Static")[1].render())


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("keys: {voices.jump: x}", "voices.jump: there is no such action; there is voices.add_voice, voices.all, "),
        ("keys: {jump: x}", "jump: there is no such action; there is app. …, pane. …, queue. …"),
        ("keys: {queue.pause: pp}", "queue.pause: 'pp' is no key; such as x, X, f5 or ctrl+x"),
        ("keys: {queue.pause: [x]}", "queue.pause: \"['x']\" is no key"),
        ("keys: {queue.pause: 1}", "queue.pause: '1' is the key of app.voices already: give that another one, too"),
        ("keys: {results.sort: /, queue.jump: x}", "queue.jump: there is no such action; there is queue.cancel"),
        ("keys: [x]", "keys: give actions with their keys"),
        ("hook: [", "ttsdash.yaml, line 1: not YAML"),
    ],
)
async def test_keys_that_cannot_be_are_told_in_one_line_and_the_others_work(
    written: str, says: str, full: Workspace
) -> None:
    full.settings_file.write_text(written)
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: last_notice(app))
        assert says in last_notice(app)
        assert "\n" not in last_notice(app)
        await pilot.press("2")
        assert app.query_one(Tabs).active == "queue"


@pytest.mark.parametrize(
    ("wanted", "taken", "problems"),
    [
        ({"queue.cancel": "x", "queue.pause": "pp"}, {"queue.cancel": "x"}, ["queue.pause: 'pp' is no key"]),
        ({"queue.cancel": "x", "queue.log": "x"}, {"queue.log": "x"}, ["queue.cancel: 'x' is the key of queue.log"]),
        # Keys are changed for each other.
        ({"queue.cancel": "r", "queue.retry": "c"}, {"queue.cancel": "r", "queue.retry": "c"}, []),
        ({"results.sort": "slash"}, {}, ["results.sort: '/' is the key of results.filter already"]),
        ({"results.sort": "/", "results.filter": "f"}, {"results.sort": "/", "results.filter": "f"}, []),
        ({"voices.all": "j"}, {}, ["voices.all: 'j' is the key of Down already"]),
        # In another tab the key is free.
        ({"voices.all": "x"}, {"voices.all": "x"}, []),
        ({"app.worker": "x"}, {}, ["app.worker: 'x' is the key of results.export already"]),
    ],
)
def test_keys_that_cannot_be_leave_the_others_as_they_were_wanted(
    wanted: dict[str, str], taken: dict[str, str], problems: list[str]
) -> None:
    panes = [VoicesPane, QueuePane, ResultsPane, SelectionPane, SystemPane]
    found = read_keymap(wanted, panes, [KeyedTable, Dashboard])
    assert found.keys == taken
    assert [
        said[: len(f"ttsdash.yaml: keys: {told}")] for said, told in zip(found.problems, problems, strict=True)
    ] == [f"ttsdash.yaml: keys: {told}" for told in problems]


async def test_tabs_that_are_turned_faster_than_they_are_drawn_come_to_rest_at_the_last(full: Workspace) -> None:
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await until(pilot, lambda: app.all_tabs_ready)
        turned: list[str] = []

        def turning(tab: str) -> None:
            turned.append(tab)

        app.watch(app.query_one(Tabs), "active", turning, init=False)
        for key in "1234512345jj2345123452":
            app.post_message(Key(key, key))
        await until(pilot, lambda: app.query_one(QueuePane).table.has_focus)
        count = len(turned)
        await pilot.pause(0.3)
        assert (turned[-1], len(turned)) == ("queue", count)


async def test_the_key_of_a_tab_leads_back_to_its_table(full: Workspace) -> None:
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.press("2", "tab", "tab")
        await until(pilot, lambda: app.query_one(QueuePane).table.has_focus)
        app.set_focus(None)
        await pilot.press("2")
        await until(pilot, lambda: app.query_one(QueuePane).table.has_focus)


async def test_where_there_is_no_voice_the_keys_for_one_say_what_to_press(empty: Workspace) -> None:
    app = dashboard(empty)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        for key in "obvA":
            app.told.clear()
            await pilot.press(key)
            assert last_notice(app) == "No voices yet: press a to add one."
        assert len(app.screen_stack) == 1


async def test_what_is_longer_than_its_dialog_is_scrolled_as_tables_are(full: Workspace) -> None:
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.press("question_mark")
        await until(pilot, lambda: app.screen.query(Scrolled))
        told = app.screen.query_one(Scrolled)
        await pilot.press("G")
        await until(pilot, lambda: told.scroll_y == told.max_scroll_y > 0)
        await pilot.press("g", "j", "j", "k")
        await until(pilot, lambda: told.scroll_y == 1)


async def test_the_palette_has_every_action_and_does_it_in_its_tab(full: Workspace) -> None:
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await until(pilot, lambda: app.all_tabs_ready)
        offered = {command.title for command in app.get_system_commands(app.screen)}
        nodes = {"": app, **{f"{tab.title}: ": app.panes[tab.id] for tab in TABS}}
        actions = [(prefix, binding) for prefix, node in nodes.items() for binding in bindings_of(type(node))]
        named = {f"{prefix}{binding.description}" for prefix, binding in actions if binding.id}
        assert named <= offered
        assert {"Queue: Pause / resume", "Voices: Optimize", "Help", "Next theme"} <= named
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        app.screen.query_one(Input).value = "Queue: Pause"
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count)
        await pilot.press("enter")
        await until(pilot, lambda: store(app).queue.paused)
        assert app.query_one(Tabs).active == "queue"


def test_each_action_has_an_id_of_its_own() -> None:
    found: dict[str, Binding] = {}
    for kind in (Dashboard, KeyedTable, VoicesPane, QueuePane, ResultsPane, SelectionPane, SystemPane):
        for binding in bindings_of(kind):
            assert binding.id or binding.action in MOVES, binding
            assert found.setdefault(binding.id or "", binding) is binding or not binding.id


MOVES = {
    *("cursor_down", "cursor_up", "scroll_top", "scroll_bottom"),
    *("scroll_down", "scroll_up", "scroll_home", "scroll_end"),
}


async def test_the_dashboard_is_found_as_it_was_left(full: Workspace) -> None:
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await pilot.press("T", "T", "j", "2")
        await until(pilot, lambda: app.query_one(QueuePane).table.has_focus)
        await pilot.press("j", "j")
        voice, job = app.query_one(VoicesPane).table.focused_key, app.query_one(QueuePane).table.focused_key
        await pilot.press("q")
    with closing(open_store(full)) as db:
        # Written by a thread, which the program waits for at its end.
        kept = wait_until(lambda: (screen := read_screen(db)).get("queue-pane") == {"row": job} and screen)
    assert kept["app"] == {"tab": "queue", "theme": IN_TURN[2]}

    again = dashboard(full, screen=kept)
    async with again.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: again.query(QueuePane) and again.query_one(QueuePane).table.focused_key == job)
        assert (again.theme, again.query_one(Tabs).active) == (IN_TURN[2], "queue")
        assert again.query_one(QueuePane).table.has_focus
        assert again.query_one(VoicesPane).table.focused_key == voice


@pytest.mark.parametrize(
    "kept",
    [
        {"app": {"tab": "cellar", "theme": 7}, "voices-pane": {"row": "nobody/original"}},
        {"app": {}, "queue-pane": {"row": ["x"]}, "system-pane": {"scrolled": "far"}, "attic": {"row": "1"}},
    ],
)
async def test_what_is_gone_or_makes_no_sense_is_not_gone_back_to(kept: dict[str, Any], full: Workspace) -> None:
    app = dashboard(full, screen=kept)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        assert app.query_one(Tabs).active == "voices"
        assert app.query_one(VoicesPane).table.cursor_row == 0


def test_what_was_kept_is_replaced_part_by_part(db: sqlite3.Connection) -> None:
    assert read_screen(db) == {}
    save_screen(db, {"app": {"tab": "queue"}, "queue-pane": {"row": "7"}})
    save_screen(db, {"app": {"tab": "voices"}})
    assert read_screen(db) == {"app": {"tab": "voices"}, "queue-pane": {"row": "7"}}


@pytest.mark.parametrize("theme", IN_TURN)
async def test_in_every_theme_text_can_be_told_from_what_is_behind_it(theme: str, full: Workspace) -> None:
    """By WCAG 2: a contrast of 4.5 to 1; in the theme for it 7 to 1."""
    app = dashboard(full, screen={"app": {"theme": theme}})
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        for selector in ("#workspace", "#worker", ".detail PlainText", "#voices-table"):
            widget = app.query(selector).first()
            background, foreground = widget.colors[2:]
            least = 7 if theme == "high-contrast" else 4.5
            contrast = _contrast(foreground.rgb, background.rgb)
            assert contrast >= least, f"{selector}: {contrast:.1f}"
        assert "Tab" not in text_of(app, "#workspace")


def _contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: tuple[int, int, int]) -> float:
    linear = [
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in (c / 255 for c in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


async def test_marked_jobs_are_cancelled_and_tried_again_together(worked: Workspace) -> None:
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
        assert queue.table.border_title == "2 marked: esc takes the marks away"
        await pilot.press("c")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        assert f"Cancel 2 jobs ({waiting[0]}, {waiting[1]})?" in str(app.screen.query_one("Static", Static).render())
        await pilot.press("y")
        await until(pilot, lambda: {states_of(app)[job_id] for job_id in waiting[:2]} == {"cancelled"})
        # They have another place now, and are marked still.
        assert sorted(map(int, queue.table.marked)) == sorted(waiting[:2])
        await pilot.press("r")
        await until(pilot, lambda: {states_of(app)[job_id] for job_id in waiting[:2]} == {"queued"})
        await pilot.press("escape")
        assert (queue.table.marked, queue.table.border_title) == ([], "")


def states_of(app: Dashboard) -> dict[int, str]:
    return {job.id: job.state for job in store(app).jobs}


async def test_a_job_that_waits_is_edited_in_a_dialog(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
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
        assert text_of(app, "#problem") == "'0x' is no number: give a priority"
        await pilot.press("backspace", "backspace", "7", "down", *"in 2h", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await until(pilot, lambda: store(app).jobs[0].priority == 7)
        assert store(app).jobs[0].not_before is not None
        assert last_notice(app).startswith(f"job {job_id}: priority 7; not before ")


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
def test_only_what_was_typed_anew_is_changed(typed: dict[str, str], changes: JobEdit | None, job: Job) -> None:
    fields = fields_of(job)
    assert read_changes(fields, {field.name: field.value for field in fields} | typed) == changes


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"priority": "1001"}, "1001 cannot be a priority: give -1000 to 1000"),
        ({"priority": "1 2"}, "'1 2' is no number: give a priority"),
        ({"after": "first"}, "'first' is no number: give a job's id"),
        ({"not_before": "in a while"}, "no length of time"),
        ({"not_before": "soon"}, "'soon' is no time"),
        ({"params": "loud"}, "loud"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_changed(typed: dict[str, str], says: str, job: Job) -> None:
    fields = fields_of(job)
    with pytest.raises((InvalidInput, ValueError), match=re.escape(says)):
        read_changes(fields, {field.name: field.value for field in fields} | typed)


@pytest.fixture
def job(db: sqlite3.Connection, voice: Voice) -> Job:
    """One that has everything that can be changed."""
    first = add_job(db, variant_job(voice, "guide"))
    job_id = add_job(db, variant_job(voice, "dynamic"))
    update_job(db, job_id, JobUpdate(after=(first,), not_before="2026-05-01T02:00:00.000Z"), "")
    return get_job(db, job_id)


async def test_what_a_running_job_took_lately_is_drawn_where_there_is_room(full: Workspace) -> None:
    app = dashboard(full)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: store(app).running)
        await pilot.press("2")
        running = store(app).running[0]
        widget = app.query_one(RunningJob)
        for beat, percent in enumerate((50.0, 50.0, 100.0)):
            widget.show(replace(running, cpu_percent=percent, rss_mb=400.0, heartbeat_at=str(beat)), None, False)
        # Told again, it is the same moment still.
        widget.show(replace(running, cpu_percent=100.0, rss_mb=400.0, heartbeat_at="2"), None, False)
        used = str(widget.query_one(".usage", Static).render())
        # Before these stands what it took when it was first seen.
        assert re.fullmatch(r" +.▅▅█ 100 % CPU, +.███ 400 MB", used)


def test_a_job_that_ends_makes_no_tab_read_results_or_selections_again(full: Workspace) -> None:
    with closing(open_store(full)) as db, closing(open_store(full)) as other:
        reader = SnapshotReader(full, db)
        before = reader.read()
        other.execute("UPDATE jobs SET state = 'cancelled' WHERE state = 'queued'")
        after = reader.read()
        assert before and after
        assert after.jobs != before.jobs
        assert after.newest is before.newest
        assert after.selections is before.selections
