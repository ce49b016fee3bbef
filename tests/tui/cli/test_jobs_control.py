"""The commands of the queue: what they print, what they change, and what they refuse."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest

from core.clock import format_timestamp, now, parse_timestamp
from core.records.job_states import ENDED
from core.store.activity import read_activity, record_visit
from core.store.database import transaction
from core.store.jobs import add_event, add_job, list_events, list_jobs, open_ids
from core.store.lifecycle import finish, is_paused, record_usage, report, requeue
from core.store.queue_control import cancel, pause
from core.workspace import Workspace
from jobs.submit import variant_job
from jobs.worker_control import stop_worker
from tests.running import COMMAND, environment, on_a_terminal, refused, reset_signal_handlers, ttsdash
from tests.tui.cli.job_queue import Call, Queue, answered, said
from tests.tui.conftest import announce
from tests.waiting import wait_until
from tui.cli.progress import JobMonitor

LONG_AGO = "2024-01-02T09:00:00.000Z"


class Terminal:
    """A command on a terminal."""

    def __init__(self, workspace: Workspace, *arguments: str, columns: int = 120) -> None:
        self._terminal, its = pty.openpty()
        self._shown = b""
        variables = environment(workspace) | {"TERM": "xterm", "COLUMNS": str(columns)}
        self.process = subprocess.Popen(
            [*COMMAND, *arguments], stdin=its, stdout=its, stderr=its, env=variables, preexec_fn=reset_signal_handlers
        )
        os.close(its)

    def read_until(self, message: str) -> None:
        def shows() -> bool:
            self._shown += os.read(self._terminal, 4096)
            return message.encode() in self._shown

        # Not as long as a worker may be silent: after that it would be killed, and tests stand for it.
        wait_until(shows, timeout=20)

    def read_to_end(self, code: int) -> str:
        """All that it has shown when it has ended with that code."""
        # The other end of a terminal is gone with EIO.
        with contextlib.suppress(OSError):
            while read := os.read(self._terminal, 4096):
                self._shown += read
        os.close(self._terminal)
        assert self.process.wait(20) == code
        return self._shown.decode()


# Queueing


@pytest.mark.parametrize("command", [("optimize", "--dynamic", "--model"), ("benchmark",)])
def test_a_job_is_queued_on_the_terms_that_are_given(command: tuple[str, ...], call: Call, queue: Queue) -> None:
    first, second = queue.add("optimized"), queue.add("static")
    terms = ("--priority", "-7", "--after", first, "--after", second, "--in", "2h")
    before = datetime.now(UTC)
    answer = answered(call(*command, queue.voice.key, *terms, "--json"))
    assert isinstance(answer, dict)
    (job,) = answer["jobs"]
    assert (job["priority"], job["after"], answer["existing"]) == (-7, [first, second], {})
    assert (
        timedelta(milliseconds=-1)
        <= parse_timestamp(job["not_before"]) - before - timedelta(hours=2)
        < timedelta(minutes=1)
    )


def test_a_time_is_one_of_the_readers_clock(call: Call, queue: Queue) -> None:
    there = (datetime.now() + timedelta(days=1)).replace(hour=2, minute=0, second=0, microsecond=0)
    printed = said(call("benchmark", queue.voice.key, "--at", there.isoformat(" ", "minutes")))
    assert printed[0] == f"job 1: benchmark, tiny: queued, not before {there:%Y-%m-%d %H:%M}"
    assert queue.job(1).not_before == format_timestamp(there.astimezone())


def test_what_is_there_or_on_its_way_is_not_made_again_unless_that_is_asked_for(call: Call, queue: Queue) -> None:
    optimize = ("optimize", "--model", queue.voice.key, "--dynamic")
    assert said(call(*optimize))[0] == "job 1: quantize dynamic-int8, tiny: queued"
    assert said(call(*optimize)) == [
        "dynamic-int8: already queued, job 1 (--force makes it again)",
        "no new jobs",
    ]
    answer = answered(call(*optimize, "--json"))
    assert isinstance(answer, dict)
    assert ([job["id"] for job in answer["jobs"]], answer["existing"]) == ([1], {"dynamic-int8": 1})
    queue.start()
    assert "dynamic-int8: already running, job 1 (--force makes it again)" in said(call(*optimize, "--benchmark"))
    assert queue.job(2).after == (1,)
    assert said(call(*optimize, "--force"))[0].startswith("job 3: quantize dynamic-int8, tiny: queued")


@pytest.mark.parametrize(
    ("paused", "stopping", "message"),
    [
        (
            False,
            True,
            "the worker is stopping and starts no further job: run `ttsdash worker start` once it has stopped",
        ),
        (True, False, "the queue is paused: resume it with `ttsdash jobs resume`"),
    ],
)
def test_queuing_a_job_that_will_not_be_started_reports_why(
    paused: bool, stopping: bool, message: str, call: Call, queue: Queue
) -> None:
    announce(queue.workspace, os.getpid(), stopping=stopping)
    if paused:
        pause(queue.db)
    for command in (("optimize", "--dynamic", "--model"), ("benchmark",)):
        assert message in said(call(*command, queue.voice.key))
    assert message in said(call("jobs", "list"))
    assert message in said(call("jobs", "--since-last"))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--at", "02:00", "--in", "2h"], 2, "--at and --in exclude each other: give one of them"),
        (["--at", "25:00"], 2, "--at: '25:00' is not a time: write 02:00 or 2026-05-01 02:00"),
        (["--at", "2020-01-01 02:00"], 2, "--at: '2020-01-01 02:00' is in the past"),
        (["--in", "soon"], 2, "--in: 'soon' is not a duration: write 30min, 2h or 1h30m"),
        (["--in", ""], 2, "--in: '' is not a duration"),
        (["--priority", "1001"], 2, "Invalid value for '--priority': 1001 is not in the range -1000<=x<=1000."),
        (["--after", "99"], 1, "no job 99: list them with `ttsdash jobs list`"),
        (["--after", "1"], 2, "job 1 failed: no job can wait for it (retry it first)"),
    ],
)
def test_terms_that_cannot_be_are_refused_and_nothing_is_queued(
    arguments: list[str], code: int, message: str, call: Call, queue: Queue
) -> None:
    queue.add()
    queue.end("failed")
    for command in (("optimize", "--optimized", "--model"), ("benchmark",)):
        assert refused(call(*command, queue.voice.key, *arguments), code).startswith(message)
    assert queue.states() == ["failed"]


# Looking


def test_the_list_is_limited_and_reports_how_many_more_there_are(call: Call, queue: Queue) -> None:
    for _ in range(4):
        queue.add()
    queue.end("failed", "it broke")
    printed = said(call("jobs", "--limit", "1"))
    assert re.match(r" ?4  quantize", printed[2])
    assert printed[3] == "and 3 more (list all with `--limit 4`)"
    assert said(call("jobs", "list", "--state", "queued", "--state", "running", "--limit", "2"))[4].startswith(
        "and 1 more"
    )
    assert not any("more" in line for line in said(call("jobs")))
    listed = answered(call("jobs", "--state", "failed", "--json"))
    assert isinstance(listed, list)
    assert [(job["id"], job["error"]) for job in listed] == [(1, "it broke")]
    assert said(call("jobs", "--state", "succeeded")) == ["no job is succeeded"]


def test_priorities_have_a_column_once_there_are_any(call: Call, queue: Queue) -> None:
    queue.add()
    assert "prio." not in call("jobs").stdout
    queue.add(priority=5)
    header, _, newest, *_ = said(call("jobs"))
    assert newest[header.index("prio.") : header.index("prio.") + 5].strip() == "5"


def test_the_note_of_a_job_reports_why_it_waits_how_far_it_is_or_how_it_went_wrong(call: Call, queue: Queue) -> None:
    queue.add()
    queue.end("failed", "cannot read the voice: put it back")
    running = queue.add()
    waiting = queue.add_benchmark(after=(running,))
    job = queue.start()
    report(queue.db, job.id, job.attempt, "calibrating, sentence 3 of 12", 0.22)
    third, second, first = said(call("jobs"))[2:5]
    assert third.endswith(f"after {running}")
    assert second.endswith("calibrating, sentence 3 of 12 22%")
    assert first.endswith("cannot read the voice: put it back")
    assert queue.job(waiting).state == "queued"
    cancel(queue.db, running)
    assert said(call("jobs"))[3].endswith("cancelling")


def test_the_time_that_is_left_comes_from_past_runs_and_is_not_reported_without_any(call: Call, queue: Queue) -> None:
    for _ in range(3):
        queue.add()
        queue.end(seconds=600)
    queue.add()
    job = queue.start()
    for shown in (said(call("jobs"))[2], call("jobs", "show", job.id).stdout):
        assert re.search(r"about (10 min|9 min 5\d s) left, from 3 past runs\b", shown)
    queue.db.execute("UPDATE jobs SET started_at = ? WHERE id = ?", (LONG_AGO, job.id))
    assert said(call("jobs"))[2].endswith("longer than the 10 min of past runs")
    # The clock was set back since.
    queue.db.execute("UPDATE jobs SET started_at = '2999-01-01T00:00:00.000Z' WHERE id = ?", (job.id,))
    assert said(call("jobs"))[2].endswith("about 10 min left, from 3 past runs")
    queue.db.execute("UPDATE jobs SET machine_id = 'another' WHERE state = 'succeeded'")
    assert said(call("jobs"))[2].endswith("starting")


@pytest.mark.parametrize(
    ("seconds", "started", "finished", "took"),
    [
        (754.2, LONG_AGO, LONG_AGO, "12:34"),
        (None, "2024-01-02T09:00:00.000Z", "2024-01-02T09:01:05.000Z", "1:05"),
        (None, "2024-01-02T09:00:10.000Z", "2024-01-02T09:00:00.000Z", "0:00"),
        (None, None, LONG_AGO, "–"),
    ],
)
def test_what_a_job_took_is_reported_by_the_steady_clock_and_of_old_rows_by_the_other(
    seconds: float | None, started: str | None, finished: str, took: str, call: Call, queue: Queue
) -> None:
    queue.add()
    queue.end()
    queue.db.execute("UPDATE jobs SET seconds = ?, started_at = ?, finished_at = ?", (seconds, started, finished))
    header, _, row = said(call("jobs"))
    assert row[: header.index("took") + 4].split()[-1] == took


def test_a_queued_job_is_shown_with_its_place_its_needs_and_why_it_waits(call: Call, queue: Queue) -> None:
    queue.add()
    queue.end(seconds=60)
    first, shown = queue.add(), queue.add(priority=-3)
    printed = said(call("jobs", "show", shown))
    for line in ("priority    -3", "position    2 of 2", f"waits       behind job {first}"):
        assert line in printed
    assert "expected    about 1 min, from 1 past run here" in printed
    assert any(re.fullmatch(r"needs       \d cores?, \d+ MB", line) for line in printed)
    assert any(re.fullmatch(r"limits      6 h, \d+ MB", line) for line in printed)
    answer = answered(call("jobs", "show", shown, "--json"))
    assert isinstance(answer, dict)
    assert {name: answer[name] for name in ("position", "waiting_reason", "expected_s", "past_runs")} == {
        "position": 2,
        "waiting_reason": f"behind job {first}",
        "expected_s": 60,
        "past_runs": 1,
    }
    benchmark = queue.add_benchmark(after=(shown,), not_before="2999-01-01T00:00:00.000Z")
    printed = said(call("jobs", "show", benchmark))
    assert "needs       to run alone" in printed
    assert f"after       {shown}" in printed
    assert any(
        line.startswith("not before  2999-01-01") or line.startswith("not before  2998-12-31") for line in printed
    )


def test_a_running_job_is_shown_with_what_it_takes_and_an_ended_one_with_its_usage(call: Call, queue: Queue) -> None:
    queue.add()
    job = queue.start()
    record_usage(queue.db, job, 183.4, 812.3)
    assert "uses        183 % of a core, 812 MB" in said(call("jobs", "show", 1))
    requeue(queue.db, 1, 1, "its process was killed (signal 9)")
    queue.end(seconds=12.34, cpu_seconds=75.12, peak_mb=820.4)
    printed = said(call("jobs", "show", 1))
    assert "took        12.3 s, 1 min 15 s CPU, peak 820 MB" in printed
    assert not any(line.startswith(("uses", "position", "waits", "expected")) for line in printed)
    assert [line[21:] for line in printed[-5:]] == [
        "queued",
        "started, attempt 1",
        "requeued: its process was killed (signal 9)",
        "started, attempt 2",
        "succeeded",
    ]


def test_a_log_that_is_started_again_is_followed_on(workspace: Workspace, queue: Queue) -> None:
    queue.add()
    job = queue.start()
    log = workspace.job_log(1)
    log.write_text("one\ntw")
    program = subprocess.Popen(
        [*COMMAND, "jobs", "logs", "1", "-f"], stdout=subprocess.PIPE, text=True, env=environment(workspace)
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "one\n"
    with log.open("a") as file:
        file.write("o\n")
    assert program.stdout.readline() == "two\n"
    os.truncate(log, 0)
    with log.open("a") as file:
        file.write("3\nend")
    finish(queue.db, job.id, job.attempt, "succeeded")
    assert program.stdout.read() == "3\nend\n"
    program.stdout.close()
    assert program.wait(20) == 0


def test_a_narrow_terminal_shows_each_note_once_under_the_table(workspace: Workspace, queue: Queue) -> None:
    for _ in range(8):
        queue.add()
    queue.end("failed", "cannot read the voice: put it back")
    shown = Terminal(workspace, "jobs", columns=80).read_to_end(0)
    assert (
        "job 8, 7, 6, 5, 4 and 2 more: no worker is running\r\njob 1: cannot read the voice: put it back\r\n" in shown
    )
    assert all(len(re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip()) <= 80 for line in shown.splitlines())


# While you were away


def test_what_happened_since_the_last_look_is_reported_once(call: Call, queue: Queue) -> None:
    for _ in range(6):
        queue.add()
    queue.end(seconds=12)
    record_visit(queue.db, read_activity(queue.db))
    queue.end(seconds=65)
    queue.end("failed", "the disk is full")
    cancel(queue.db, 4)
    with transaction(queue.db):
        add_event(queue.db, 2, "hook failed", "notify ended with code 1")
    queue.start()
    printed = said(call("jobs", "--since-last"))
    assert re.fullmatch(r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", printed[0])
    assert printed[1:] == [
        "1 job succeeded",
        "  job 2: quantize dynamic-int8, tiny, took 1:05",
        "1 job failed",
        "  job 3: quantize dynamic-int8, tiny: the disk is full",
        "    → ttsdash jobs logs 3",
        "1 job cancelled",
        "  job 4: quantize dynamic-int8, tiny",
        "1 hook failed",
        "  job 2: notify ended with code 1",
        "1 running, 1 waiting",
    ]
    again = said(call("jobs", "list", "--since-last"))
    assert again[0].endswith(": nothing ended")
    assert again[1:] == ["1 running, 1 waiting"]


def test_what_happened_since_the_last_look_as_json(call: Call, queue: Queue) -> None:
    queue.add()
    queue.end("failed", "the disk is full")
    queue.add()
    with transaction(queue.db):
        add_event(queue.db, 1, "hook failed", "notify ended with code 1")
    answer = answered(call("jobs", "--since-last", "--json"))
    assert isinstance(answer, dict)
    assert [(job["id"], job["state"], job["error"]) for job in answer.pop("ended")] == [
        (1, "failed", "the disk is full")
    ]
    assert answer == {
        "since": None,
        "counts": {"failed": 1},
        "hook_failures": [{"job": 1, "detail": "notify ended with code 1"}],
        "running": 0,
        "interrupted": 0,
        "waiting": 1,
        "paused": False,
        "paused_jobs": 0,
    }
    answer = answered(call("jobs", "--since-last", "--json"))
    assert isinstance(answer, dict)
    assert (answer["ended"], answer["hook_failures"], parse_timestamp(answer["since"]) <= parse_timestamp(now())) == (
        [],
        [],
        True,
    )


def test_of_very_many_that_have_ended_the_last_ones_are_named_and_the_command_for_the_others(
    call: Call, queue: Queue
) -> None:
    for _ in range(30):
        queue.add()
    call("jobs", "cancel", "--all")
    printed = said(call("--home", queue.workspace.root, "jobs", "--since-last"))
    assert (printed[0], printed[1], len(printed)) == ("up to now", "30 jobs cancelled", 24)
    assert printed[22] == f"  and 10 more → ttsdash --home {queue.workspace.root} jobs list --state cancelled"


# Changing


def test_several_jobs_are_cancelled_with_what_waits_for_them(call: Call, queue: Queue) -> None:
    first = queue.add()
    queue.add_benchmark(after=(first,))
    queue.add()
    queue.add()
    assert said(call("jobs", "cancel", 1, 2, 3)) == ["job 1: cancelled", "job 2: cancelled", "job 3: cancelled"]
    assert queue.states() == ["cancelled"] * 3 + ["queued"]


def test_all_are_cancelled_at_once_and_those_that_run_are_awaited(workspace: Workspace, queue: Queue) -> None:
    for _ in range(5):
        queue.add()
    queue.start()
    # Its worker is dead: the command ends the job itself.
    done = ttsdash(workspace, "jobs", "cancel", "--all")
    assert (done.returncode, done.stdout) == (0, "4 queued jobs cancelled\njob 1: cancelled\n")
    assert queue.states() == ["cancelled"] * 5
    assert said(ttsdash(workspace, "jobs", "cancel", "--all")) == ["no job is queued or running"]


def test_cancelling_prints_a_job_several_jobs_or_what_became_of_all(call: Call, queue: Queue) -> None:
    for _ in range(5):
        queue.add()
    job = answered(call("jobs", "cancel", 1, "--json"))
    assert isinstance(job, dict)
    assert (job["id"], job["state"]) == (1, "cancelled")
    jobs = answered(call("jobs", "cancel", 2, 3, "--json"))
    assert isinstance(jobs, list)
    assert [job["id"] for job in jobs] == [2, 3]
    assert answered(call("jobs", "cancel", "--all", "--json")) == {"cancelled": 2, "interrupted": []}


def test_jobs_are_tried_again_one_by_one_or_all_that_failed(call: Call, queue: Queue) -> None:
    first = queue.add()
    queue.add_benchmark(after=(first,))
    queue.end("failed")
    for _ in range(2):
        queue.add()
        queue.end("failed")
    assert said(call("jobs", "retry", 1, 2)) == ["requeued: job 1, 2"]
    assert queue.states() == ["queued", "queued", "failed", "failed"]
    assert said(call("jobs", "retry", "--failed")) == ["requeued: job 3, 4"]
    assert said(call("jobs", "retry", "--failed")) == ["no job has failed"]
    assert queue.states() == ["queued"] * 4


def test_a_paused_queue_is_reported_until_it_is_resumed(call: Call, queue: Queue) -> None:
    paused = "the queue is paused: resume it with `ttsdash jobs resume`"
    assert said(call("jobs", "pause")) == [paused]
    assert said(call("jobs", "pause")) == ["the queue was already paused: resume it with `ttsdash jobs resume`"]
    for command in (["jobs"], ["jobs", "--since-last"], ["worker"]):
        assert said(call(*command))[-1] == paused
    assert answered(call("jobs", "pause", "--json")) == {"paused": True}
    assert said(call("jobs", "resume")) == ["the queue is resumed"]
    assert said(call("jobs", "resume")) == ["the queue was not paused"]
    assert answered(call("jobs", "resume", "--json")) == {"paused": False}
    assert not is_paused(queue.db)


def test_resuming_starts_a_worker_which_runs_what_waits(workspace: Workspace, queue: Queue) -> None:
    pause(queue.db)
    queue.add("optimized")
    assert said(ttsdash(workspace, "jobs", "resume")) == ["the queue is resumed"]
    status = said(ttsdash(workspace, "worker"))
    assert "stops after 30 min without a job" in status
    wait_until(lambda: queue.job(1).attempt == 1)
    stop_worker(workspace, at_once=True)


def test_a_job_is_moved_within_the_queue(call: Call, queue: Queue) -> None:
    for _ in range(4):
        queue.add()
    assert said(call("jobs", "move", 3, "--first")) == ["job 3: position 1 of 4"]
    assert said(call("jobs", "move", 1, "--last")) == ["job 1: position 4 of 4"]
    assert said(call("jobs", "move", 4, "--before", 2)) == ["job 4: position 2 of 4"]
    assert queue.order() == [3, 4, 2, 1]
    moved = answered(call("jobs", "move", 2, "--first", "--json"))
    assert isinstance(moved, dict)
    assert (moved["id"], moved["position"]) == (2, 1)


@pytest.mark.parametrize(
    ("job", "arguments", "message", "becomes"),
    [
        (2, ["--priority", "9"], "priority 9", {"priority": 9}),
        (2, ["--param", "stages=1"], "stages=1; now static-int8+stages=1", {"variant": "static-int8+stages=1"}),
        (2, ["--after", "1"], "after 1", {"after": (1,)}),
        (3, ["--no-after"], "after none", {"after": ()}),
        (3, ["--now"], "at once", {"not_before": None}),
        (3, ["--threads", "1"], "threads 1", {}),
        (3, ["--variant", "original", "--variant", "static-int8"], "variants original, static-int8", {}),
    ],
)
def test_a_queued_job_is_edited(
    job: int, arguments: list[str], message: str, becomes: dict[str, object], call: Call, queue: Queue
) -> None:
    queue.add()
    queue.add("static")
    queue.add_benchmark(after=(2,), not_before="2999-01-01T00:00:00.000Z")
    assert said(call("jobs", "edit", job, *arguments)) == [f"job {job}: {message}"]
    edited = queue.job(job)
    assert {name: getattr(edited, name) for name in becomes} == becomes


def test_a_new_time_is_reported_on_the_readers_clock(call: Call, queue: Queue) -> None:
    queue.add()
    (line,) = said(call("jobs", "edit", 1, "--in", "90min"))
    not_before = queue.job(1).not_before
    assert not_before is not None
    assert line == f"job 1: not before {parse_timestamp(not_before).astimezone():%Y-%m-%d %H:%M}"
    assert list_events(queue.db, 1)[-1].detail == line.removeprefix("job 1: ")
    edited = answered(call("jobs", "edit", 1, "--now", "--json"))
    assert isinstance(edited, dict)
    assert edited["not_before"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["cancel"], 2, "say which jobs: their ids, or --all"),
        (["cancel", "2", "--all"], 2, "say which jobs: their ids, or --all"),
        (["cancel", "2", "99"], 1, "no job 99: list them"),
        (["cancel", "2", "1"], 2, "job 1 succeeded: nothing to cancel"),
        (["retry"], 2, "say which jobs: their ids, or --failed"),
        (["retry", "3", "--failed"], 2, "say which jobs: their ids, or --failed"),
        (["retry", "3", "99"], 1, "no job 99: list them"),
        (["retry", "3", "2"], 2, "job 2 is queued: only a failed or cancelled job can be retried"),
        (["move", "2"], 2, "say where to: --first, --last or --before OTHER"),
        (["move", "2", "--first", "--last"], 2, "say where to: --first, --last or --before OTHER"),
        (["move", "2", "--before", "99"], 1, "no job 99: list them"),
        (["move", "1", "--first"], 2, "job 1 is succeeded: only a queued job can be changed"),
        (["edit", "2"], 2, "nothing to change in job 2: see `ttsdash jobs edit --help`"),
        (["edit", "1", "--priority", "1"], 2, "job 1 is succeeded: only a queued job can be changed"),
        (["edit", "99", "--priority", "1"], 1, "no job 99: list them"),
        (["edit", "2", "--after", "3", "--no-after"], 2, "--after and --no-after exclude each other: give one of them"),
        (["edit", "2", "--now", "--in", "2h"], 2, "--now excludes --at and --in: give one of them"),
        (["edit", "2", "--threads", "1"], 2, "job 2 is a quantize: only a benchmark has variants and threads"),
        (["edit", "2", "--param", "stages"], 2, "parameter 'stages': write it as name=value"),
        (["edit", "4", "--param", "stages=1"], 2, "job 4 is a benchmark, which has no recipe parameters"),
        (["edit", "4", "--variant", "int9"], 1, "tiny has no variant 'int9'; it has: original"),
        (["clean"], 2, "no terminal to ask for confirmation: add --yes to delete 2 ended jobs and their logs"),
        (["clean", "--json"], 2, "no terminal to ask for confirmation: add --yes to delete 2 ended jobs"),
        (["list", "--since-last", "--state", "failed"], 2, "--since-last takes neither --state"),
        (["--since-last", "--limit", "3"], 2, "--since-last takes neither --state nor --limit"),
        (["--state", "lost"], 2, "Invalid value for '--state': 'lost' is not one of 'queued', 'running', 'succeeded'"),
        (["--limit", "0"], 2, "Invalid value for '--limit': 0 is not in the range"),
        (["--frob"], 2, "No such option '--frob'."),
        (["wait", "2", "99"], 1, "no job 99: list them"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(
    arguments: list[str], code: int, message: str, call: Call, queue: Queue
) -> None:
    for state in ("succeeded", None, "failed"):
        queue.add(priority=1 if state else 0)
        if state:
            queue.end(state)
    queue.add_benchmark(after=(2,))
    before = list_jobs(queue.db)
    assert refused(call("jobs", *arguments), code).startswith(message)
    assert list_jobs(queue.db) == before


@pytest.mark.parametrize("answer", ["n", "y", "--yes"])
def test_what_has_ended_is_forgotten_with_its_logs_once_that_is_confirmed(
    answer: str, workspace: Workspace, queue: Queue
) -> None:
    for state in ENDED:
        queue.add()
        queue.end(state)
    queue.add()
    for name in ("1.log", "1.log.1", "2.log", "4.log"):
        (workspace.logs / name).write_text("...")
    if answer == "--yes":
        shown = "\n".join(said(ttsdash(workspace, "jobs", "clean", "--yes")))
    else:
        shown = on_a_terminal(workspace, f"{answer}\n", "jobs", "clean")
        assert "delete 3 ended jobs and their logs? Variants and results are kept. [y/N] " in shown
    logs = sorted(path.name for path in workspace.logs.iterdir())
    if answer == "n":
        assert shown.endswith("nothing was deleted\r\n")
        assert (len(queue.states()), logs) == (4, ["1.log", "1.log.1", "2.log", "4.log"])
    else:
        assert "deleted: 3 jobs" in shown
        assert (queue.states(), logs) == (["queued"], ["4.log"])
        assert said(ttsdash(workspace, "jobs", "clean")) == ["no job has ended"]


# Waiting


def test_of_very_many_jobs_those_that_run_and_the_next_few_are_watched_with_few_queries(queue: Queue) -> None:
    with transaction(queue.db):
        for _ in range(1000):
            add_job(queue.db, variant_job(queue.voice, "dynamic"))
    monitor = JobMonitor(queue.workspace, queue.db, open_ids(queue.db))
    queries: list[str] = []
    running = queue.start()
    queue.db.set_trace_callback(queries.append)
    poll = monitor.poll()
    queue.db.set_trace_callback(None)
    assert ([job.id for job in poll.jobs], poll.open) == ([*range(1, 10)], 1000)
    assert len(queries) < 20
    finish(queue.db, running.id, running.attempt, "failed")
    poll = monitor.poll()
    assert ([job.id for job in poll.jobs if job.state == "failed"], poll.open) == ([1], 999)
    assert [job.state for job in monitor.poll().jobs] == ["queued"] * 8


def test_bars_are_drawn_for_the_next_few_of_many_jobs(workspace: Workspace, queue: Queue) -> None:
    pause(queue.db)
    for _ in range(30):
        queue.add()
    announce(workspace, os.getpid())
    terminal = Terminal(workspace, "jobs", "wait")
    terminal.read_until("job 8: quantize dynamic-int8")
    terminal.process.send_signal(signal.SIGINT)
    shown = terminal.read_to_end(130)
    assert "30 jobs" in shown
    assert "job 9: quantize dynamic-int8" not in shown
    assert "the queue is paused" in shown
    assert "follow them with: ttsdash jobs wait\r\n" in shown


def test_waiting_for_nothing_ends_at_once_and_for_what_has_ended_reports_how(call: Call, queue: Queue) -> None:
    assert said(call("jobs", "wait")) == ["no job is queued or running"]
    queue.add()
    queue.end("failed", "it broke")
    done = call("jobs", "wait", 1)
    assert (done.returncode, done.stdout) == (1, "job 1: quantize dynamic-int8, tiny: failed: it broke\n")


# The worker


@pytest.mark.parametrize(
    ("info", "line"),
    [
        ({}, "runs until it is stopped"),
        ({"idle_s": 1800.0}, "stops after 30 min without a job"),
        ({"stopping": True}, "starts no further job, and stops after job 1"),
    ],
)
def test_the_status_of_the_worker_reports_what_it_has_and_when_it_ends(
    info: dict[str, object], line: str, call: Call, queue: Queue
) -> None:
    queue.add()
    queue.start()
    queue.add()
    announce(queue.workspace, os.getpid(), **info)
    printed = said(call("worker"))
    assert printed[0].startswith(f"worker on job 1: pid {os.getpid()}, since ")
    assert printed[0].endswith(", ttsdash 1.0")
    assert printed[1:3] == ["2 slots, 4 cores, 8000 MB of memory", line]
    assert re.fullmatch(r"ttsdash \S+ is installed: run `ttsdash worker stop && ttsdash worker start`", printed[3])
    assert printed[4:] == ["1 job waits"]
    status = answered(call("worker", "status", "--json"))
    assert isinstance(status, dict)
    assert (status["cores"], status["memory_mb"], status["jobs"]) == (4, 8000, [1])
    assert (status["waiting"], status["paused"], status["unresponsive"]) == (1, False, False)


def test_a_worker_without_a_heartbeat_is_reported_as_unresponsive(call: Call, workspace: Workspace) -> None:
    os.utime(workspace.worker_lock, (0, time.time() - 120))
    assert "unresponsive for a minute: `ttsdash worker start` replaces it" in said(call("worker"))


def test_no_worker_is_started_beside_one_that_ends(call: Call, workspace: Workspace) -> None:
    announce(workspace, os.getpid(), stopping=True)
    message = f"the worker (pid {os.getpid()}) is stopping: start one once it has stopped"
    assert refused(call("worker", "start"), 1) == message


def test_starting_a_worker_where_one_runs_reports_when_that_one_ends(call: Call, workspace: Workspace) -> None:
    announce(workspace, os.getpid(), idle_s=600.0)
    assert said(call("worker", "start")) == [
        f"worker already running, pid {os.getpid()}, 2 slots; stops after 10 min without a job"
    ]


# Ten thousand jobs


def test_with_ten_thousand_queued_jobs_each_command_answers_within_a_second(call: Call, queue: Queue) -> None:
    """By the time of the processor, which is that of the tests beside this one, too, when the wall's is asked."""
    with transaction(queue.db):
        for _ in range(10_000):
            add_job(queue.db, variant_job(queue.voice, "dynamic"))
    for command in (
        "list",
        "list --json",
        "list --limit 10000 --json",
        "list --state failed",
        "show 9000",
        "move 9000 --before 3",
        "pause 8000 9000",
        "list --state paused",
        "resume 9000",
        "edit 9000 --priority 3",
        "cancel 9000",
        "retry 9000",
        "pause",
        "cancel --all",
        "--since-last",
        "clean --yes",
    ):
        # What only reads may be disturbed, and is tried again.
        tries = 5 if command.startswith(("list", "show")) else 1
        assert any(seconds_of(call, command) < 1 for _ in range(tries)), command


def seconds_of(call: Call, command: str) -> float:
    began = time.process_time()
    assert call("jobs", *command.split()).returncode == 0
    return time.process_time() - began
