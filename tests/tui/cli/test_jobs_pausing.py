"""The commands `jobs pause` and `jobs resume` with ids, and what other commands print about paused jobs."""

import pytest

from core.store.jobs import list_jobs
from core.store.lifecycle import finish, report, requeue
from core.store.pausing import pause_jobs
from core.workspace import Workspace
from tests.running import refused
from tests.schemas import check
from tests.tui.cli.job_queue import Call, Queue, answered, said


def pause_at(queue: Queue, progress: float) -> int:
    """Return a distillation that was paused while it ran."""
    job_id = queue.add_distillation()
    job = queue.start()
    report(queue.db, job.id, job.attempt, "training", progress)
    pause_jobs(queue.db, [job.id])
    requeue(queue.db, job.id, job.attempt, "it goes on from what is saved", counts=False)
    return job_id


def shown_states(queue: Queue) -> list[str]:
    """By id."""
    return [job.shown_state for job in reversed(list_jobs(queue.db))]


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[Workspace]:
    """Return the workspaces for which a worker is asked for."""
    asked: list[Workspace] = []
    monkeypatch.setattr("tui.cli.pausing.ensure_worker", asked.append)
    return asked


def test_several_jobs_are_paused_and_resumed(call: Call, queue: Queue, workers: list[Workspace]) -> None:
    for _ in range(3):
        queue.add()
    assert said(call("jobs", "pause", 1, 3)) == [
        "job 1 is paused: resume it with `ttsdash jobs resume 1`",
        "job 3 is paused: resume it with `ttsdash jobs resume 3`",
    ]
    assert shown_states(queue) == ["paused", "queued", "paused"]
    assert said(call("jobs", "pause", 1)) == ["job 1 was already paused: resume it with `ttsdash jobs resume 1`"]
    assert workers == []
    assert said(call("jobs", "resume", 1, 2, 1)) == [
        "job 1 is resumed",
        "job 2 was not paused, it waits: behind job 1",
    ]
    assert (shown_states(queue), workers) == (["queued", "queued", "paused"], [queue.workspace])


def test_a_running_distillation_is_reported_as_pausing(call: Call, queue: Queue) -> None:
    queue.add_distillation()
    queue.start()
    assert said(call("jobs", "pause", 1)) == [
        "job 1: pausing, it runs until its progress is saved; then resume it with `ttsdash jobs resume 1`"
    ]
    assert queue.job(1).pausing


def test_a_distillation_that_a_dead_worker_left_is_paused_at_once(call: Call, queue: Queue) -> None:
    queue.workspace.worker_lock.unlink()
    queue.add_distillation()
    queue.start()
    assert said(call("jobs", "pause", 1)) == ["job 1 is paused: resume it with `ttsdash jobs resume 1`"]


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_a_job_is_printed_as_json_and_several_as_an_array(call: Call, queue: Queue, command: str) -> None:
    for _ in range(2):
        queue.add()
    one, several = answered(call("jobs", command, 1, "--json")), answered(call("jobs", command, 1, 2, "--json"))
    assert isinstance(one, dict)
    assert isinstance(several, list)
    state = "paused" if command == "pause" else "queued"
    assert [job["state"] for job in (one, *several)] == [state] * 3
    assert {job["paused_at"] is not None for job in (one, *several)} == {command == "pause"}
    for job in (one, *several):
        check(job, "job")
    # Without ids it is the queue, as ever.
    assert answered(call("jobs", command, "--json")) == {"paused": command == "pause"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["pause", "3", "99"], 1, "no job 99: list them with `ttsdash jobs list`"),
        (["resume", "4", "99"], 1, "no job 99: list them with `ttsdash jobs list`"),
        (["pause", "3", "1"], 2, "job 1 succeeded: nothing to pause"),
        (["resume", "4", "1"], 2, "job 1 succeeded: nothing to resume"),
        (["retry", "4"], 2, "job 4 is paused: resume it with `ttsdash jobs resume 4`"),
        (
            ["pause", "3", "2"],
            2,
            "job 2 is a running quantize, which could not go on later: cancel it (ttsdash jobs cancel 2), "
            "or pause the queue (ttsdash jobs pause)",
        ),
    ],
)
def test_what_cannot_be_paused_or_resumed_is_one_line_and_changes_nothing(
    arguments: list[str], code: int, message: str, call: Call, queue: Queue
) -> None:
    for _ in range(4):
        queue.add()
    finish(queue.db, queue.start().id, 1, "succeeded")
    queue.start()
    pause_jobs(queue.db, [4])
    before = list_jobs(queue.db)
    assert refused(call("jobs", *arguments), code) == message
    assert list_jobs(queue.db) == before


def test_the_list_shows_why_a_job_and_those_that_wait_for_it_do_not_start(call: Call, queue: Queue) -> None:
    pause_at(queue, 0.43)
    queue.add_benchmark(after=(1,))
    printed = said(call("jobs"))
    assert printed[2].endswith("after 1 (paused)")
    assert printed[3].endswith("at 43%, until it is resumed (ttsdash jobs resume 1)")
    assert " paused " in printed[3]
    assert printed[-1] == "nothing can start while job 1 is paused: resume it with `ttsdash jobs resume 1`"
    queue.add()
    assert not any("nothing can start" in line for line in said(call("jobs")))
    pause_jobs(queue.db, [3])
    assert (
        said(call("jobs"))[-1] == "nothing can start while 2 jobs are paused: resume one with `ttsdash jobs resume 1`"
    )


@pytest.mark.parametrize(
    ("states", "ids"),
    [
        (["paused"], [4, 1]),
        (["queued"], [3, 2]),
        (["queued", "paused"], [4, 3, 2, 1]),
        (["paused", "failed"], [5, 4, 1]),
        (["failed"], [5]),
        ([], [5, 4, 3, 2, 1]),
    ],
)
def test_jobs_are_listed_by_the_state_that_is_shown(
    states: list[str], ids: list[int], call: Call, queue: Queue
) -> None:
    for _ in range(4):
        queue.add()
    queue.add(priority=1)
    finish(queue.db, queue.start().id, 1, "failed", "it broke")
    pause_jobs(queue.db, [1, 4])
    options = [option for state in states for option in ("--state", state)]
    jobs = answered(call("jobs", *options, "--json"))
    assert isinstance(jobs, list)
    assert [job["id"] for job in jobs] == ids
    if len(ids) > 1:
        more = f"and {len(ids) - 1} more (list all with `--limit {len(ids)}`)"
        assert more in said(call("jobs", "--limit", 1, *options))


def test_no_job_that_is_paused_is_one_line(call: Call, queue: Queue) -> None:
    queue.add()
    assert said(call("jobs", "--state", "paused"))[0] == "no job is paused"


def test_a_job_shows_when_it_was_paused_and_resumed_and_has_no_forecast_once_it_goes_on(
    call: Call, queue: Queue
) -> None:
    pause_at(queue, 0.5)
    printed = said(call("jobs", "show", 1))
    facts = [line.split(maxsplit=1) for line in printed]
    assert ["state", "paused"] in facts
    assert ["progress", "50%"] in facts
    assert ["waits", "until it is resumed (ttsdash jobs resume 1)"] in facts
    assert not [fact for fact in facts if fact and fact[0] == "expected"]
    said(call("jobs", "resume", 1))
    events = [line.split("  ", 1)[1] for line in said(call("jobs", "show", 1)) if line.startswith("20")]
    assert events == [
        "queued",
        "started, attempt 1",
        "pause asked",
        "paused: it goes on from what is saved",
        "resumed",
    ]
    details = answered(call("jobs", "show", 1, "--json"))
    assert isinstance(details, dict)
    check(details, "job-details")
    assert (details["state"], details["paused_at"], details["position"]) == ("queued", None, 1)


def test_paused_jobs_do_not_count_as_waiting(call: Call, queue: Queue) -> None:
    for _ in range(3):
        queue.add()
    pause_jobs(queue.db, [1])
    assert said(call("worker"))[-2:] == ["2 jobs wait", "1 job is paused"]
    assert "none running, 2 waiting, 1 paused" in said(call("jobs", "--since-last"))
    status, activity = answered(call("worker", "--json")), answered(call("jobs", "--since-last", "--json"))
    for found, schema in ((status, "worker"), (activity, "activity")):
        assert isinstance(found, dict)
        check(found, schema)
        assert (found["waiting"], found["paused_jobs"], found["paused"]) == (2, 1, False)


def test_a_variant_that_a_paused_job_makes_is_not_queued_again(call: Call, queue: Queue) -> None:
    queue.add()
    pause_jobs(queue.db, [1])
    assert said(call("optimize", "--model", queue.voice.key, "--dynamic")) == [
        "dynamic-int8: already paused, job 1, until it is resumed (ttsdash jobs resume 1); its scheduling is unchanged "
        "(ttsdash jobs edit 1) (--force makes it again)",
        "no new jobs",
    ]
