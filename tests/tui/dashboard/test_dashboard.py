"""The dashboard, driven by keys alone."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from textual.containers import VerticalScroll
from textual.coordinate import Coordinate
from textual.widgets import Input, Log, OptionList, Static

from core.hardware.machine import this_machine
from core.history.newest import list_newest
from core.records.jobs import NewJob
from core.records.voices import Voice
from core.store.activity import read_activity
from core.store.database import open_store, transaction
from core.store.jobs import add_job, get_job, list_jobs
from core.store.pausing import pause_jobs
from core.store.queue_control import cancel, forget_ended, move_before, pause
from core.store.voices import get_voice
from core.voices.file import read_voice
from core.workspace import Workspace
from jobs.submit import Scheduling, benchmark_job, submit
from jobs.worker_control import start_worker, worker_status
from tests.factories import add_voice
from tests.tui.conftest import JOE, announce
from tests.tui.pilot import (
    OTHER_MACHINE,
    RECORDED_MACHINE,
    benchmarked,
    cells,
    dashboard,
    is_ready,
    paste,
    store,
    text_of,
    until,
)
from tests.vits import MULTI_SPEAKER, write_voice
from tests.waiting import wait_until
from tui.dashboard.app import Dashboard
from tui.dashboard.common.status_bar import StatusBar
from tui.dashboard.common.table import KeyedTable
from tui.dashboard.messages import Focus, Outcome, StoreChanged
from tui.dashboard.queue.pane import QueuePane
from tui.dashboard.queue.running_job import RunningJob
from tui.dashboard.results.pane import ResultsPane
from tui.dashboard.snapshot import SnapshotReader
from tui.dashboard.voices.pane import VoicesPane


def notes(app: Dashboard) -> dict[str, str]:
    """Return the note of each job in the table, from top to bottom."""
    return {row[0]: row[-1] for row in cells(app.query_one(QueuePane))}


def ended_since(workspace: Workspace) -> set[int]:
    """Return the jobs that the next visit would report as ended."""
    with closing(open_store(workspace)) as db:
        return {job.id for job in read_activity(db).ended}


@pytest.mark.long
async def test_from_nothing_to_a_finished_benchmark_by_keys_alone(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = tmp_path / "found"
    write_voice(found)
    monkeypatch.chdir(found)
    app = dashboard(workspace, autostart=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "idle" in text_of(app, "#worker"))
        assert "Press a to add one" in text_of(app, "#voices-pane .empty")

        await pilot.press("a")
        options = app.screen.query_one(OptionList)
        await until(pilot, lambda: options.option_count)
        wanted = next(n for n, option in enumerate(options.options) if "tiny" in str(option.prompt))
        await pilot.press(*["down"] * wanted, "enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count == 1)
        voices = app.query_one(VoicesPane)
        assert cells(voices)[0][3] == "not measured"

        await pilot.press("o")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        # What is recommended but the last one: optimized and dynamic-int8.
        await pilot.press("down", "down", "space", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await until(pilot, lambda: len(store(app).jobs) == 3)
        await pilot.press("2")
        await until(pilot, lambda: {job.state for job in store(app).jobs} == {"succeeded"}, timeout=180)
        assert [row[3] for row in cells(app.query_one(QueuePane))] == ["succeeded"] * 3

        await pilot.press("3")
        results = app.query_one(ResultsPane)
        await until(pilot, lambda: results.table.row_count >= 2)
        assert "It sounds" in text_of(app, "#results-pane .detail Static")
        await pilot.press("1")
        # The variants of so small a voice are slower, so that the original stays selected.
        assert [row[0].strip() for row in cells(voices)] == ["tiny *", "optimized", "dynamic-int8"]
        assert "x" in cells(voices)[1][3]


async def test_invalid_parameters_are_reported_before_anything_is_queued(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    app = dashboard(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count == 1)
        await pilot.press("o")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("down", "down")
        assert "clip=mse (mse or max)" in text_of(app, "#known")
        app.screen.query_one("#params").focus()
        await pilot.press(*"clip=loud", "enter")
        assert text_of(app, "#problem") == "invalid parameter of static-int8: clip=loud (allowed: mse or max)"
        assert len(app.screen_stack) == 2
        await pilot.press(*["backspace"] * 4, *"max", "enter")
        await until(pilot, lambda: len(list_jobs(db)) == 4)
    made = [job.variant for job in list_jobs(db)]
    assert made == [None, "static-int8+clip=max", "dynamic-int8", "optimized"]


async def test_the_dialog_shows_a_forecast_from_past_results(full: Workspace) -> None:
    app = dashboard(full, environment=RECORDED_MACHINE)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count)
        await pilot.press("o")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        app.screen.query_one("#guide").focus()
        expected = "expected: 1.0x, about 18.7 MB, sound broken, from 1 past run here"
        await until(pilot, lambda: expected in text_of(app, "#known").split("\n"))


async def test_a_wrong_path_stays_in_the_dialog_to_be_corrected(workspace: Workspace, voice_path: Path) -> None:
    app = dashboard(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.press("a")
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count)
        wrong = voice_path.with_name("tin.onnx")
        await paste(pilot, str(wrong))
        await pilot.press("enter")
        problem = f"{wrong} does not exist: check the path, or add the one voice in its folder, {voice_path}"
        await until(pilot, lambda: text_of(app, "#problem") == problem)
        await pilot.press(*["left"] * len(".onnx"), "y", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await until(pilot, lambda: [voice.key for voice in store(app).voices] == ["tiny"])


async def test_a_file_that_is_not_a_voice_stays_in_the_dialog_with_one_line(
    workspace: Workspace, voice_path: Path
) -> None:
    voice_path.write_bytes(b"no model")
    app = dashboard(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))
        await pilot.press("a")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await paste(pilot, str(voice_path))
        await pilot.press("enter")
        problem = f"{voice_path} is not an ONNX model, or is truncated: get the file again"
        await until(pilot, lambda: text_of(app, "#problem") == problem)
        field = app.screen.query_one(Input)
        assert (field.value, app.focused, app.notices) == (str(voice_path), field, [])
        # What is typed now corrects the path; it does not run as commands of the tab.
        await pilot.press(*"ovAb")
        assert (field.value, len(app.screen_stack)) == (f"{voice_path}ovAb", 2)
        assert not store(app).jobs


async def test_the_focus_moves_to_what_was_added_or_queued(workspace: Workspace, voice: Voice, tmp_path: Path) -> None:
    second = write_voice(tmp_path, MULTI_SPEAKER, "second")
    app = dashboard(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        jobs = "#jobs-table"
        await until(pilot, lambda: app.query_one("#voices-table", KeyedTable).row_count and app.query(jobs))
        voices = app.query_one("#voices-table", KeyedTable)
        await benchmarked(pilot)
        await until(pilot, lambda: len(store(app).jobs) == 1)
        await pilot.press("a")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await paste(pilot, str(second))
        await pilot.press("enter")
        await until(pilot, lambda: voices.focused_key == "second/original")
        await benchmarked(pilot)
        await pilot.press("2")
        await until(pilot, lambda: app.query_one(jobs, KeyedTable).focused_key == "2")


async def test_a_running_job_shows_a_live_bar_and_is_cancelled_with_a_key(workspace: Workspace, voice: Voice) -> None:
    app = dashboard(workspace, autostart=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count)
        await benchmarked(pilot)
        await pilot.press("2")
        await until(pilot, lambda: app.query("RunningJob .stage") and "pair" in text_of(app, "RunningJob .stage"))
        assert re.fullmatch(r"pair \d+, 1 thread", text_of(app, "RunningJob .stage"))
        await until(pilot, lambda: re.fullmatch(r"\d+ % CPU, \d+ MB", text_of(app, "RunningJob .usage")))
        assert re.fullmatch(r"running for \d+ s", text_of(app, "RunningJob .left"))
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


async def test_nothing_is_cancelled_without_confirmation(full: Workspace) -> None:
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await pilot.press("2", "j", "c")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("n")
        await pilot.pause()
        assert not get_job(open_store(full), 5).cancel_asked


async def test_the_worker_is_stopped_and_started_with_a_key(workspace: Workspace, voice: Voice) -> None:
    app = dashboard(workspace, autostart=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "idle" in text_of(app, "#worker"))
        await pilot.press("w", "y")
        await until(pilot, lambda: "worker stopped · w starts it" in text_of(app, "#worker"))
        assert not worker_status(workspace).running
        await pilot.press("w")
        await until(pilot, lambda: "idle" in text_of(app, "#worker"))


async def test_the_focused_row_stays_when_jobs_appear_above_it(full: Workspace) -> None:
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await pilot.press("2", "j", "j")
        table = app.query_one("#jobs-table", KeyedTable)
        focused = table.focused_key
        db = open_store(full)
        submit(
            full, db, NewJob("quantize", JOE, "dynamic-int8", {"recipe": "guide"}), scheduling=Scheduling(priority=1)
        )
        db.close()
        await until(pilot, lambda: list(notes(app))[:4] == ["5", "9", "6", "7"])
        assert table.focused_key == focused == "7"
        await pilot.press("G")
        assert table.focused_key == "1"
        await pilot.press("g")
        assert table.focused_key == "5"


async def test_the_queue_is_paused_and_resumed_with_a_key_and_every_tab_shows_it(worked: Workspace) -> None:
    app = dashboard(worked)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await pilot.press("2", "p")
        await until(pilot, lambda: text_of(app, "#worker") == "queue paused · running job 5 · 3 queued")
        assert notes(app)["6"] == "the queue is paused"
        await pilot.press("1")
        assert "queue paused" in text_of(app, "#worker")
        await pilot.press("2", "p")
        await until(pilot, lambda: text_of(app, "#worker") == "running job 5 · 3 queued")
        assert notes(app)["6"] == "another runs alone"


async def test_a_job_is_paused_and_resumed_with_a_key_while_the_others_go_on(worked: Workspace) -> None:
    app = dashboard(worked)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await pilot.press("2", "j", "z")
        await until(pilot, lambda: text_of(app, "#worker") == "running job 5 · 2 queued · 1 paused")
        assert (notes(app)["6"], notes(app)["7"]) == ("z resumes it", "after 6 (paused)")
        assert app.notices == ["Paused job 6; the others go on."]
        assert app.query_one("#jobs-table", KeyedTable).get_cell_at(Coordinate(1, 3)).plain.strip() == "paused"
        await pilot.press("C")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        assert text_of(app, ".dialog Static") == "Cancel all jobs (1 running, 2 queued, 1 paused)?"
        await pilot.press("n", "z")
        await until(pilot, lambda: text_of(app, "#worker") == "running job 5 · 3 queued")
        assert app.notices[1:] == ["Resumed job 6."]


async def test_of_marked_jobs_those_that_can_be_are_paused_and_all_are_resumed_once_all_are_paused(
    worked: Workspace,
) -> None:
    app = dashboard(worked)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        # A benchmark that runs, then two jobs that wait.
        await pilot.press("2", "space", "space", "space", "z")
        await until(pilot, lambda: store(app).queue.paused_jobs == (6, 7))
        await pilot.press("z")
        await until(pilot, lambda: store(app).queue.paused_jobs == ())
        assert app.notices == ["Paused jobs 6, 7; the others go on.", "Resumed jobs 6, 7."]


async def test_a_running_distillation_shows_that_it_is_being_paused(worked: Workspace) -> None:
    with closing(open_store(worked)) as db:
        db.execute("UPDATE jobs SET kind = 'distill' WHERE id = 5")
    app = dashboard(worked)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await pilot.press("2", "z")
        await until(pilot, lambda: text_of(app, "RunningJob .stage") == "pausing, once its progress is saved")
        assert app.notices == ["Pausing job 5, once the progress is saved …"]
        assert "running, pausing" in text_of(app, "#queue-pane .detail Static")
        await pilot.press("z")
        await until(pilot, lambda: "pair 4 of 10" in text_of(app, "RunningJob .stage"))


async def test_the_table_lists_running_jobs_then_queued_ones_in_order_then_the_latest_ended(
    worked: Workspace,
) -> None:
    app = dashboard(worked)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await pilot.press("2", "j", "j")
        assert list(notes(app)) == ["5", "6", "7", "8", "4", "3", "2", "1"]
        table = app.query_one("#jobs-table", KeyedTable)
        await pilot.press("K")
        await until(pilot, lambda: list(notes(app))[1:4] == ["7", "6", "8"])
        assert table.focused_key == "7"
        # Faster than the actions run.
        await pilot.press("J", "J")
        await until(pilot, lambda: list(notes(app))[1:4] == ["6", "8", "7"])
        await pilot.press("plus", "plus", "minus")
        await until(pilot, lambda: list(notes(app))[1:4] == ["7", "6", "8"])
        await until(pilot, lambda: get_job(open_store(worked), 7).priority == 1)
        await until(pilot, lambda: "queued, priority 1" in text_of(app, "#queue-pane .detail Static"))


@pytest.mark.parametrize(
    ("keys", "notice"),
    [
        ("jK", "job 6 is already the first in the queue"),
        ("jjjJ", "job 8 is already the last in the queue"),
        ("K", "job 5 is running: only a queued job can be changed"),
        (
            "z",
            "job 5 is a running benchmark, which could not go on later: cancel it (ttsdash jobs cancel 5), "
            "or pause the queue (ttsdash jobs pause)",
        ),
        ("Gz", "Job 1 already ended."),
        ("Gr", "job 1 is succeeded: only a failed or cancelled job can be retried"),
    ],
)
async def test_an_impossible_action_is_refused_in_one_line(worked: Workspace, keys: str, notice: str) -> None:
    app = dashboard(worked)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await pilot.press("2", *keys)
        await until(pilot, lambda: app.notices)
        assert app.notices == [notice]


async def test_all_jobs_are_cancelled_and_all_failed_ones_retried_with_a_key(worked: Workspace) -> None:
    app = dashboard(worked)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await pilot.press("2", "C")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        assert text_of(app, ".dialog Static") == "Cancel all jobs (1 running, 3 queued)?"
        await pilot.press("y")
        await until(pilot, lambda: store(app).counts.get("cancelled") == 4)
        assert text_of(app, "RunningJob .stage") == notes(app)["5"] == "cancelling"
        await pilot.press("R")
        # Also the job that was cancelled because it depends on the failed one.
        await until(pilot, lambda: list(notes(app))[1:3] == ["3", "4"])
        assert {job.state for job in store(app).jobs[1:3]} == {"queued"}


async def test_a_long_queue_shows_the_next_jobs_and_counts_all(worked: Workspace) -> None:
    with closing(open_store(worked)) as db, transaction(db):
        for _ in range(600):
            add_job(db, NewJob("quantize", JOE, "static-int8", {"recipe": "static"}))
    app = dashboard(worked)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await pilot.press("2")
        assert text_of(app, "#worker") == "running job 5 · 603 queued"
        table = app.query_one("#jobs-table", KeyedTable)
        assert table.border_subtitle == "303 more queued"
        assert [job.state for job in store(app).jobs].count("queued") == 300
        assert list(notes(app))[-1] == "1"


async def test_progress_is_drawn_without_redrawing_the_table(
    worked: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, render_line = [], KeyedTable.render_line
    monkeypatch.setattr(KeyedTable, "render_line", lambda table, y: drawn.append(y) or render_line(table, y))
    app = dashboard(worked)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: app.query("RunningJob .usage") and text_of(app, "RunningJob .usage"))
        await until(pilot, lambda: drawn)
        drawn.clear()
        with closing(open_store(worked)) as db:
            db.execute("UPDATE jobs SET progress = 0.6, stage = 'pair 6, 1 thread', rss_mb = 700 WHERE id = 5")
        await until(pilot, lambda: text_of(app, "RunningJob .usage") == "147 % CPU, 700 MB")
        assert text_of(app, "RunningJob .stage") == "pair 6, 1 thread, attempt 2"
        await pilot.pause()
        assert not drawn


@pytest.mark.parametrize(
    ("at", "past_runs", "shown"),
    [
        ("2024-01-02T09:02:25.000Z", True, "about 40 s left, from 1 past run"),
        ("2024-01-02T09:04:00.000Z", True, "longer than the 1 min 5 s of past runs"),
        ("2024-01-02T09:02:25.000Z", False, "running for 25 s"),
        ("2024-01-01T09:00:00.000Z", False, "running for 0 s"),
    ],
    ids=["past runs", "longer", "the first run", "the clock was set back"],
)
async def test_the_remaining_time_comes_from_past_runs_only(
    worked: Workspace, at: str, past_runs: bool, shown: str
) -> None:
    machine = RECORDED_MACHINE if past_runs else OTHER_MACHINE
    app = dashboard(worked, environment=replace(machine, clock=lambda: at))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: app.query("RunningJob .left"))
        await until(pilot, lambda: text_of(app, "RunningJob .left") == shown)
        assert text_of(app, "RunningJob .usage") == "147 % CPU, 620 MB"


async def test_the_details_show_whole_reasons_attempts_requirements_limits_and_usage(worked: Workspace) -> None:
    app = dashboard(worked)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await pilot.press("2")
        details = {}
        for job_id in notes(app):
            details[job_id] = text_of(app, "#queue-pane .detail Static")
            await pilot.press("j")
    for job_id, line in (
        ("1", "queued 2024-01-02 09:01:30, ended 2024-01-02 09:03:05"),
        ("1", "took 1 min 5 s, 1 min 41 s CPU, peak 820 MB"),
        ("3", "cannot read /voices/en_US-amy-medium.onnx (No such file or directory): put it back"),
        ("5", "job 5: benchmark, en_US-joe-medium: running, attempt 2"),
        ("5", "attempt 1 interrupted: its worker died"),
        ("5", "needs the machine to itself · limits 6 h, 3200 MB"),
        ("6", "needs 2 cores, 1034 MB · limits 6 h, 3200 MB"),
        ("7", "after 6"),
        ("8", "queued 2024-01-02 09:01:30, not before 2099-01-02 02:00:00"),
    ):
        assert line in details[job_id].split("\n")


@pytest.mark.parametrize(
    ("state", "shown"),
    [({"stopping": True}, "worker stops after job 5 · 3 queued"), ({}, "running job 5 · 3 queued")],
    ids=["stopping", "running"],
)
async def test_the_status_bar_shows_the_state_of_the_worker(
    full: Workspace, state: dict[str, bool], shown: str
) -> None:
    announce(full, os.getpid(), **state)
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: text_of(app, "#worker") == shown)


@pytest.fixture
def hanging(workspace: Workspace) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that does nothing at all."""
    with subprocess.Popen(["sleep", "600"]) as process:
        announce(workspace, process.pid)
        os.utime(workspace.worker_lock, (0, 0))
        yield process
        process.kill()


async def test_an_unresponsive_worker_is_replaced_with_a_key(
    workspace: Workspace, hanging: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.lock._WATCH_S", 0.2)
    app = dashboard(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: text_of(app, "#worker") == "worker not responding · w restarts it")
        await pilot.press("w")
        await until(pilot, lambda: text_of(app, "#worker") == "worker idle")
        assert hanging.wait() == -signal.SIGKILL


@pytest.mark.parametrize("key", ["escape", "enter", "q"])
async def test_a_returning_user_is_shown_once_what_happened(left: Workspace, key: str) -> None:
    app = dashboard(left)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.screen.query(".report Static"))
        shown = "\n".join(str(widget.render()) for widget in app.screen.query(Static))
        assert re.search("Failed\n.*job 3.*\n.*cannot read /voices", shown)
        assert "1 failed, 2 succeeded, 1 cancelled, 1 hook failed\nNow: 0 running, 1 interrupted, 3 queued" in shown
        scrolled = app.screen.query_one(VerticalScroll)
        await pilot.press("j", "j")
        assert scrolled.scroll_y == 2
        await pilot.press(key)
        assert len(app.screen_stack) == 1
    assert not ended_since(left)


async def test_jobs_that_end_while_the_dashboard_is_open_count_as_seen(full: Workspace) -> None:
    assert ended_since(full) == {1, 2, 3, 4}
    app = dashboard(full)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: not ended_since(full))
        await until(pilot, lambda: app.greeted)
        # A first visit has no activity to show.
        assert len(app.screen_stack) == 1
        with closing(open_store(full)) as db:
            cancel(db, 6)
        assert ended_since(full) == {6, 7}
    # A thread records it while the dashboard closes.
    wait_until(lambda: not ended_since(full))


def test_an_unchanged_store_is_not_read(worked: Workspace) -> None:
    queries: list[str] = []
    with closing(open_store(worked)) as db, closing(open_store(worked)) as other:
        reader = SnapshotReader(worked, db)
        before = reader.read()
        db.set_trace_callback(queries.append)
        assert reader.read() is None
        assert queries == ["PRAGMA data_version"]

        other.execute("UPDATE jobs SET progress = 0.5 WHERE id = 5")
        after = reader.read()
        assert before and after
        assert [job.progress for job in after.running] == [0.5]
        assert after.jobs is before.jobs
        assert after.newest is before.newest
        assert not [query for query in queries if "machine_id = " in query]


@pytest.mark.parametrize(
    "change",
    [
        pause,
        lambda db: pause_jobs(db, [6]),
        lambda db: move_before(db, 8, 6),
        lambda db: cancel(db, 6),
        lambda db: cancel(db, 5),
        forget_ended,
    ],
    ids=["paused", "a job paused", "moved", "cancelled", "cancelling", "forgotten"],
)
def test_every_change_of_the_queue_is_seen(worked: Workspace, change: Callable[[sqlite3.Connection], object]) -> None:
    with closing(open_store(worked)) as db, closing(open_store(worked)) as other:
        reader = SnapshotReader(worked, db)
        before = reader.read()
        change(other)
        after, fresh = reader.read(), SnapshotReader(worked, db).read()
        assert after and fresh and before
        assert (after.jobs, after.queue, after.counts) == (fresh.jobs, fresh.queue, fresh.counts)
        assert (after.jobs, after.queue) != (before.jobs, before.queue)


async def test_help_lists_the_keys_of_the_current_tab(full: Workspace) -> None:
    app = dashboard(full)
    async with app.run_test(size=(80, 40)) as pilot:
        for tab, present, absent in (("1", "Optimize", "Cancel"), ("2", "Cancel", "Optimize")):
            await pilot.press(tab)
            await pilot.pause()
            await pilot.press("question_mark")
            await until(pilot, lambda: len(app.screen_stack) == 2)
            shown = "\n".join(str(widget.render()) for widget in app.screen.query(Static))
            assert present in shown
            assert absent not in shown
            assert "real-time factor" in shown
            await pilot.press("escape")


async def test_two_dashboards_on_one_workspace_are_both_live(workspace: Workspace, voice: Voice) -> None:
    first, second = dashboard(workspace), dashboard(workspace)
    async with first.run_test(size=(80, 24)) as pilot, second.run_test(size=(80, 24)) as other:
        await until(pilot, lambda: store(first).voices)
        await until(other, lambda: store(second).voices)
        db = open_store(workspace)
        start_worker(workspace)
        submit(workspace, db, benchmark_job(voice, []))
        await until(pilot, lambda: list_jobs(db)[0].state == "succeeded")
        await until(pilot, lambda: store(first).newest)
        await until(other, lambda: store(second).newest)
        assert store(first).newest == store(second).newest == list_newest(db, this_machine().id)
        db.close()


async def test_messages_that_arrive_while_the_dashboard_closes_are_ignored(
    workspace: Workspace, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def post_late(bar: StatusBar) -> None:
        bar.app.post_message(StoreChanged(app.snapshot))
        bar.app.post_message(Outcome("done", Focus("voices", "tiny/original")))

    monkeypatch.setattr(StatusBar, "on_unmount", post_late, raising=False)
    app = dashboard(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: is_ready(app))


async def test_a_voice_added_elsewhere_appears(workspace: Workspace, voice_path: Path) -> None:
    app = dashboard(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: text_of(app, "#worker"))
        db = open_store(workspace)
        add_voice(db, read_voice(voice_path))
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count == 1)
        assert get_voice(db, "tiny").key in cells(app.query_one(VoicesPane))[0][0]
        db.close()


def test_the_dashboard_starts_without_the_heavy_modules() -> None:
    code = "import sys, tui.dashboard.app; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "textual.app" in loaded
    assert not loaded & {"onnx", "onnxruntime", "coremltools", "numpy", "huey", "sqlite_utils", "piper"}
