"""The dashboard, driven by keys alone."""

import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Log, OptionList, Static

from core.recipes import RECIPES
from core.store.database import open_store
from core.store.jobs import NewJob, get_job, list_jobs
from core.store.results import list_results
from core.store.voices import Voice, add_voice, get_voice
from core.voices import read_voice
from core.workspace import Workspace
from jobs.daemon import start_worker, worker_status
from jobs.submit import benchmark_job, submit
from tests.tui.conftest import MACHINE
from tests.vits import MULTI_SPEAKER, write_voice
from tui.app import Dashboard
from tui.messages import ActionEnded, StoreChanged
from tui.screens.optimize import OptimizeScreen
from tui.snapshot import Snapshot
from tui.widgets.queue_pane import QueuePane
from tui.widgets.results_pane import ResultsPane
from tui.widgets.running_job import RunningJob
from tui.widgets.table import KeyedTable
from tui.widgets.top_line import TopLine
from tui.widgets.voices_pane import VoicesPane


async def until(pilot: Pilot[None], condition: Callable[[], object], timeout: float = 60.0) -> None:
    """Let the dashboard work until the condition holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"nothing came of it in {timeout} s"
        await pilot.pause(0.05)


def store(app: Dashboard) -> Snapshot:
    """What the dashboard shows of the store; nothing while it has not been read."""
    return app.snapshot or Snapshot()


def text_of(app: App[None], selector: str) -> str:
    return str(app.screen.query_one(selector, Static).render())


def cells(pane: VoicesPane | QueuePane | ResultsPane) -> list[list[str]]:
    table = pane.table
    return [[str(cell).strip() for cell in table.get_row_at(row)] for row in range(table.row_count)]


async def test_from_nothing_to_a_finished_benchmark_by_keys_alone(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = tmp_path / "found"
    write_voice(found)
    monkeypatch.chdir(found)
    app = Dashboard(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "idle" in text_of(app, "#worker"))
        assert "Press a to add one" in text_of(app, "#voices-pane .empty")

        await pilot.press("a")
        options = app.screen.query_one(OptionList)
        await until(pilot, lambda: options.option_count)
        wanted = next(n for n, option in enumerate(options.options) if "tiny" in str(option.prompt))
        await pilot.press(*["down"] * wanted, "enter")
        voices = app.query_one(VoicesPane)
        await until(pilot, lambda: voices.table.row_count == 1)
        assert cells(voices)[0][3] == "not measured"

        await pilot.press("o")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        # What is recommended but the last one: optimized and dynamic-int8.
        await pilot.press("down", "down", "space", "enter")
        await until(pilot, lambda: len(store(app).jobs) == 3)
        await pilot.press("2")
        await until(pilot, lambda: {job.state for job in store(app).jobs} == {"succeeded"})
        assert [row[4] for row in cells(app.query_one(QueuePane))] == ["succeeded"] * 3

        await pilot.press("3")
        results = app.query_one(ResultsPane)
        await until(pilot, lambda: results.table.row_count >= 2)
        assert "It sounds" in text_of(app, "#results-pane .detail Static")
        await pilot.press("1")
        assert [row[0].strip() for row in cells(voices)] == ["tiny", "optimized", "dynamic-int8 *"]
        assert "x" in cells(voices)[1][3]


async def test_parameters_are_typed_and_what_cannot_be_is_said_before_anything_is_queued(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    app = Dashboard(workspace, autostart=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count == 1)
        await pilot.press("o")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("down", "down")
        assert "clip=mse (mse or max)" in text_of(app, "#known")
        app.screen.query_one("#params").focus()
        await pilot.press(*"clip=loud", "enter")
        await until(pilot, lambda: app._notifications)
        assert "clip=loud cannot be: give mse or max" in next(iter(app._notifications)).message
        assert len(app.screen_stack) == 2
        await pilot.press(*["backspace"] * 4, *"max", "enter")
        await until(pilot, lambda: len(list_jobs(db)) == 4)
    made = [job.variant for job in list_jobs(db)]
    assert made == [None, "static-int8+clip=max", "dynamic-int8", "optimized"]


async def test_the_dialog_tells_what_past_results_here_say(full: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.snapshot.this_machine", lambda: MACHINE)
    app = Dashboard(full, autostart=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count)
        await pilot.press("o")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        assert text_of(app, ".forecast").strip() == "1.0x, sound broken, from 1 past run here"


async def test_the_dialog_fits_a_small_terminal_with_all_forecasts(workspace: Workspace, voice: Voice) -> None:
    app = Dashboard(workspace, autostart=False)
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(OptimizeScreen(voice, dict.fromkeys(RECIPES, "1.8x, sound slight, from 12 past runs here")))
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press(*["down"] * (len(RECIPES) + 1))
        await until(pilot, lambda: app.focused is app.screen.query_one("#params"))
        for widget in app.screen.query("#params, #known, #queue, #back, .keys"):
            assert app.screen.region.contains_region(widget.region), widget


async def test_a_path_can_be_typed_and_a_wrong_one_stays_to_be_mended(workspace: Workspace, voice_path: Path) -> None:
    app = Dashboard(workspace, autostart=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.snapshot)
        await pilot.press("a")
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count)
        wrong = voice_path.with_name("tin.onnx")
        await pilot.press(*str(wrong), "enter")
        assert text_of(app, "#problem") == f"{wrong} does not exist: check the path"
        await pilot.press(*["left"] * len(".onnx"), "y", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await until(pilot, lambda: [voice.key for voice in store(app).voices] == ["tiny"])


async def test_a_file_that_is_no_voice_is_told_in_one_line(workspace: Workspace, voice_path: Path) -> None:
    voice_path.write_bytes(b"no model")
    app = Dashboard(workspace, autostart=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.snapshot)
        await pilot.press("a")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press(*str(voice_path), "enter")
        await until(pilot, lambda: app._notifications)
        assert [told.message for told in app._notifications] == [
            f"{voice_path} is not an ONNX model, or is cut short: get the file again"
        ]


async def test_the_focus_goes_to_what_was_added_or_queued(workspace: Workspace, voice: Voice, tmp_path: Path) -> None:
    second = write_voice(tmp_path, MULTI_SPEAKER, "second")
    app = Dashboard(workspace, autostart=False)
    async with app.run_test(size=(80, 24)) as pilot:
        voices, jobs = app.query_one("#voices-table", KeyedTable), "#jobs-table"
        await until(pilot, lambda: voices.row_count and app.query(jobs))
        await pilot.press("b")
        await until(pilot, lambda: len(store(app).jobs) == 1)
        await pilot.press("a")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press(*str(second), "enter")
        await until(pilot, lambda: voices.focused_key == "second/original")
        await pilot.press("b", "2")
        await until(pilot, lambda: app.query_one(jobs, KeyedTable).focused_key == "2")


async def test_a_running_job_shows_a_live_bar_and_is_cancelled_with_a_key(workspace: Workspace, voice: Voice) -> None:
    app = Dashboard(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count)
        await pilot.press("b")
        await pilot.press("2")
        await until(pilot, lambda: app.query(RunningJob) and "left" in text_of(app, "RunningJob .stage"))
        assert re.search(r"about \d+ s left, pair \d+ of 10, 1 thread", text_of(app, "RunningJob .stage"))
        await pilot.press("c")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        assert "Cancel job 1 (benchmark, running)?" in text_of(app, ".dialog Static")
        await pilot.press("y")
        await until(pilot, lambda: store(app).jobs[0].state == "cancelled", timeout=5)
        await until(pilot, lambda: not app.query(RunningJob))

        await pilot.press("r")
        await until(pilot, lambda: store(app).jobs[0].state == "succeeded")
        await pilot.press("l")
        await until(pilot, lambda: "succeeded" in "\n".join(app.screen.query_one(Log).lines))
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


async def test_no_answers_no_and_nothing_is_cancelled(full: Workspace) -> None:
    app = Dashboard(full, autostart=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await pilot.press("2", "j", "c")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("n")
        await pilot.pause()
        assert not get_job(open_store(full), 5).cancel_asked


async def test_the_worker_is_stopped_and_started_with_a_key(workspace: Workspace, voice: Voice) -> None:
    app = Dashboard(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "idle" in text_of(app, "#worker"))
        await pilot.press("w", "y")
        await until(pilot, lambda: "no worker runs: press w" in text_of(app, "#worker"))
        assert not worker_status(workspace).running
        await pilot.press("w")
        await until(pilot, lambda: "idle" in text_of(app, "#worker"))


async def test_the_row_in_focus_stays_when_jobs_come_in_above_it(full: Workspace) -> None:
    app = Dashboard(full, autostart=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await pilot.press("2", "j", "j")
        table = app.query_one("#jobs-table", KeyedTable)
        focused = table.focused_key
        db = open_store(full)
        submit(full, db, NewJob("quantize", store(app).voices[0].id, "dynamic-int8", {"recipe": "guide"}))
        db.close()
        await until(pilot, lambda: len(store(app).jobs) == 7)
        assert table.focused_key == focused
        await pilot.press("G")
        assert table.focused_key == "1"
        await pilot.press("g")
        assert table.focused_key == "7"


async def test_help_lists_the_keys_of_where_one_is(full: Workspace) -> None:
    app = Dashboard(full, autostart=False)
    async with app.run_test(size=(80, 40)) as pilot:
        for tab, there, elsewhere in (("1", "Optimize", "Cancel"), ("2", "Cancel", "Optimize")):
            await pilot.press(tab)
            await pilot.pause()
            await pilot.press("question_mark")
            await until(pilot, lambda: len(app.screen_stack) == 2)
            shown = "\n".join(str(widget.render()) for widget in app.screen.query(Static))
            assert there in shown
            assert elsewhere not in shown
            assert "real-time factor" in shown
            await pilot.press("escape")


async def test_two_dashboards_on_one_workspace_are_both_live(workspace: Workspace, voice: Voice) -> None:
    first, second = Dashboard(workspace, autostart=False), Dashboard(workspace, autostart=False)
    async with first.run_test(size=(80, 24)) as pilot, second.run_test(size=(80, 24)) as other:
        await until(pilot, lambda: store(first).voices)
        await until(other, lambda: store(second).voices)
        db = open_store(workspace)
        start_worker(workspace)
        submit(workspace, db, benchmark_job(voice, []))
        await until(pilot, lambda: list_jobs(db)[0].state == "succeeded")
        await until(pilot, lambda: store(first).results)
        await until(other, lambda: store(second).results)
        assert store(first).results == store(second).results == list_results(db)
        db.close()


async def test_news_that_come_while_the_dashboard_closes_are_let_go(
    workspace: Workspace, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late_news(line: TopLine) -> None:
        line.app.post_message(StoreChanged(app.snapshot))
        line.app.post_message(ActionEnded("done", voice="tiny"))

    monkeypatch.setattr(TopLine, "on_unmount", late_news, raising=False)
    app = Dashboard(workspace, autostart=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.snapshot)


async def test_a_voice_added_elsewhere_appears_by_itself(workspace: Workspace, voice_path: Path) -> None:
    app = Dashboard(workspace, autostart=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: text_of(app, "#worker"))
        db = open_store(workspace)
        add_voice(db, read_voice(voice_path))
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count == 1)
        assert get_voice(db, "tiny").key in cells(app.query_one(VoicesPane))[0][0]
        db.close()


def test_the_dashboard_starts_without_the_heavy_modules() -> None:
    code = "import sys, tui.app; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "textual.app" in loaded
    assert not loaded & {"onnx", "onnxruntime", "coremltools", "numpy", "huey", "sqlite_utils", "piper"}
