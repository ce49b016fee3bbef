"""Input reaches only the screen that it was typed for: keys, pastes, and terminals that do not mark pastes."""

import os
import sqlite3
from contextlib import closing

import pytest
from textual import events
from textual.widgets import Input

from core.records.voices import Voice
from core.store.database import open_store
from core.store.jobs import get_job, list_jobs
from core.workspace import Workspace
from tests.tui.conftest import announce
from tests.tui.pilot import RECORDED, benchmarked, dashboard, is_ready, paste, store, text_of, until
from tui.dashboard.app import Dashboard
from tui.dashboard.common.confirm import ConfirmScreen
from tui.dashboard.common.details import DetailsScreen
from tui.dashboard.common.tabs import Tabs
from tui.dashboard.pasted_keys import PastedKeys
from tui.dashboard.queue.log import LogScreen
from tui.dashboard.voices.benchmark import BenchmarkScreen


def type_at_once(app: Dashboard, text: str) -> None:
    """Type faster than any screen can open or close."""
    for character in text:
        key = {"\n": "enter", "/": "slash", ".": "full_stop"}.get(character, character)
        app.post_message(events.Key(key, character))


async def test_keys_that_were_typed_before_a_dialog_opened_do_not_answer_it(worked: Workspace) -> None:
    app = dashboard(worked, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await pilot.press("2")
        await until(pilot, lambda: is_ready(app))
        type_at_once(app, "cy")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        with closing(open_store(worked)) as db:
            assert not get_job(db, 5).cancel_asked
        # Enter never confirms; y does.
        await pilot.press("enter")
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("y")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        with closing(open_store(worked)) as db:
            assert get_job(db, 5).cancel_asked


async def test_keys_that_were_typed_for_a_dialog_do_not_run_in_the_tab_behind(
    workspace: Workspace, voice: Voice
) -> None:
    announce(workspace, os.getpid())
    app = dashboard(workspace, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).voices and is_ready(app))
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, BenchmarkScreen))
        app.post_message(events.Key("escape", None))
        type_at_once(app, "2A5")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await pilot.pause()
        assert (len(app.screen_stack), app.query_one(Tabs).active) == (1, "voices")
        await pilot.press("2")
        assert app.query_one(Tabs).active == "queue"


async def test_a_paste_into_a_tab_runs_no_command(full: Workspace) -> None:
    app = dashboard(full, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        before = len(store(app).jobs)
        for tab in "12345":
            await pilot.press(tab)
            await paste(pilot, "/home/you/voices/Anna-wq.onnx\nb\n")
            assert len(app.screen_stack) == 1
        assert len(store(app).jobs) == before


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("/home/you/a.onnx", ["paste /home/you/a.onnx"]),
        # Enter at the end still submits what was typed.
        ("/home/you/a.onnx\r", ["paste /home/you/a.onnx", "enter"]),
        ("one two\rthree\r", ["paste one two\nthree", "enter"]),
        # A held key, and a few quick ones.
        ("jjjjjjjj", ["j"] * 8),
        ("jjjjjjjo", [*"jjjjjjjo"]),
        ("2jjc", [*"2jjc"]),
        ("12345", [*"12345"]),
    ],
)
def test_characters_that_arrive_in_one_piece_are_a_paste(typed: str, expected: list[str]) -> None:
    assert described(PastedKeys(), typed) == expected


def test_the_rest_of_a_long_paste_belongs_to_it() -> None:
    pasted = PastedKeys()
    assert described(pasted, "/home/you/voices/a.on") == ["paste /home/you/voices/a.on"]
    assert described(pasted, "nx") == ["paste nx"]


def described(pasted: PastedKeys, typed: str) -> list[str]:
    keys = [events.Key("enter", "\r") if char == "\r" else events.Key(char, char) for char in typed]
    return [
        f"paste {message.text}" if isinstance(message, events.Paste) else str(getattr(message, "key", message))
        for message in pasted.merge(keys)
    ]


async def test_the_keys_of_the_tabs_leave_a_screen_that_covers_them(full: Workspace) -> None:
    app = dashboard(full, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs and is_ready(app))
        for opening, screen, key, tab in (
            ("2l", LogScreen, "1", "voices"),
            (["2", "enter"], DetailsScreen, "4", "selection"),
        ):
            await pilot.press(*opening)
            await until(pilot, lambda screen=screen: isinstance(app.screen, screen))
            await pilot.press(key)
            await until(pilot, lambda: len(app.screen_stack) == 1)
            assert app.query_one(Tabs).active == tab


async def test_a_benchmark_is_asked_for_and_the_same_one_is_named(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    announce(workspace, os.getpid())
    app = dashboard(workspace, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).voices and is_ready(app))
        await pilot.press("b")
        await until(pilot, lambda: "duration" in text_of(app, "#expected"))
        assert not list_jobs(db)
        for name, typed, problem in (
            ("threads", "many", "'many' is not a number of threads"),
            ("threads", "0", "invalid number of threads: 0"),
            ("budget", "soon", "budget: "),
        ):
            app.screen.query_one(f"#{name}", Input).value = typed
            await until(pilot, lambda problem=problem: text_of(app, "#problem").startswith(problem))
            await pilot.press("enter")
            assert isinstance(app.screen, BenchmarkScreen)
            app.screen.query_one(f"#{name}", Input).value = ""
        app.screen.query_one("#threads", Input).value = "1"
        app.screen.query_one("#budget", Input).value = "30s"
        await until(pilot, lambda: text_of(app, "#expected").endswith("measures for 30 s at most"))
        await pilot.press("enter")
        await until(pilot, lambda: len(list_jobs(db)) == 1)
        assert (list_jobs(db)[0].params["threads"], list_jobs(db)[0].params["budget_s"]) == ([1], 30)
        await until(pilot, lambda: len(app.screen_stack) == 1)
        # Other parameters are another benchmark; the same ones are not.
        await benchmarked(pilot)
        await until(pilot, lambda: len(store(app).jobs) == 2)
        await pilot.press("b")
        await until(pilot, lambda: text_of(app, "#problem") == "already queued: job 2")
        await pilot.press("enter")
        await until(pilot, lambda: text_of(app, "#problem").startswith("already queued: job 2 (the last box"))
        app.screen.query_one("#again").focus()
        await pilot.press("space", "enter")
        await until(pilot, lambda: len(list_jobs(db)) == 3)
