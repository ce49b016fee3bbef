"""What the doctor reports about failed jobs: whatever failed and was neither made up for nor deleted is a problem."""

import sqlite3
from collections.abc import Callable

import pytest

from core.records.jobs import NewJob
from core.records.voices import Voice
from core.store.database import transaction
from core.store.jobs import add_job
from core.store.lifecycle import claim, finish
from core.store.queue_control import forget_ended, retry
from core.workspace import Workspace
from jobs.doctor import diagnose
from jobs.submit import benchmark_job, variant_job
from tests.running import ttsdash

Do = Callable[[sqlite3.Connection, Voice], object]


def end(db: sqlite3.Connection, job: NewJob, state: str) -> None:
    with transaction(db):
        add_job(db, job)
    claimed = claim(db)
    assert claimed
    finish(db, claimed.id, claimed.attempt, state, "it broke" if state == "failed" else None)


def fail(db: sqlite3.Connection, voice: Voice) -> None:
    end(db, variant_job(voice, "dynamic"), "failed")


def findings(workspace: Workspace) -> list[tuple[str, str | None]]:
    found = diagnose(workspace)["worker"]
    return [(finding.message, finding.fix) for finding in found if finding.check == "failed jobs"]


@pytest.mark.parametrize(
    ("then", "remaining"),
    [
        (lambda db, voice: None, True),
        (lambda db, voice: end(db, variant_job(voice, "dynamic"), "failed"), True),
        (lambda db, voice: end(db, variant_job(voice, "static"), "succeeded"), True),
        (lambda db, voice: end(db, benchmark_job(voice, []), "succeeded"), True),
        (lambda db, voice: end(db, variant_job(voice, "dynamic"), "cancelled"), True),
        (lambda db, voice: end(db, variant_job(voice, "dynamic"), "succeeded"), False),
        (lambda db, voice: retry(db, 1), False),
        (lambda db, voice: forget_ended(db), False),
    ],
    ids=["nothing", "failed again", "another variant", "a benchmark", "cancelled", "made", "retried", "deleted"],
)
def test_a_failed_job_is_a_problem_until_it_is_retried_made_up_for_or_deleted(
    then: Do, remaining: bool, workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    assert findings(workspace) == []
    fail(db, voice)
    then(db, voice)
    assert bool(findings(workspace)) == remaining


def test_the_doctor_names_failed_jobs_and_the_commands_that_show_and_retry_them(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    fail(db, voice)
    ((message, fix),) = findings(workspace)
    assert message == "job 1 failed and was neither retried nor deleted (jobs clean)"
    assert fix == "ttsdash jobs show 1 && ttsdash jobs retry --failed"
    for recipe in ("static", "int4", "optimized", "guide", "dynamic"):
        end(db, variant_job(voice, recipe), "failed")
    ((message, fix),) = findings(workspace)
    assert message == "6 jobs (1, 2, 3, 4, 5, ...) failed and were neither retried nor deleted (jobs clean)"
    assert fix == "ttsdash jobs list --state failed && ttsdash jobs retry --failed"
    printed = ttsdash(workspace, "doctor")
    assert printed.returncode == 1
    assert message in printed.stdout
