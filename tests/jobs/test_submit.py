"""Queuing: existing variants are not made again, and jobs keep their scheduling and limits."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInput
from core.records.voices import Voice
from core.settings import Settings
from core.store.jobs import get_job, list_jobs, open_ids
from core.store.lifecycle import claim
from core.store.queue_control import cancel
from core.store.voices import get_voice
from core.workspace import Workspace
from jobs import scheduling
from jobs.context import JobContext
from jobs.edit import JobEdit, edit_job
from jobs.kinds import KINDS
from jobs.submit import (
    BENCHMARK,
    OptimizeRequest,
    Scheduling,
    Submission,
    benchmark_job,
    submit,
    submit_benchmark,
    submit_optimize,
)


def optimize(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, *recipes: str, **options: object
) -> Submission:
    return submit_optimize(workspace, db, voice, OptimizeRequest(recipes, **options))  # type: ignore[arg-type]


def run_next_job(workspace: Workspace, db: sqlite3.Connection) -> None:
    """Run the next job in this process."""
    job = claim(db)
    assert job is not None
    voice = get_voice(db, job.voice)
    KINDS[job.kind](JobContext(workspace, db, job, voice, job.attempt, lambda stage, share: None))
    db.execute("UPDATE jobs SET state = 'succeeded' WHERE id = ?", (job.id,))


def test_a_variant_that_is_already_queued_is_not_queued_again(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    first = optimize(workspace, db, voice, "guide")
    again = optimize(workspace, db, voice, "guide")
    assert (again.ids, again.existing) == (first.ids, {"dynamic-int8-guide": first.ids[0]})
    assert len(list_jobs(db)) == 1


def test_an_existing_variant_is_not_made_again(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    first = optimize(workspace, db, voice, "guide")
    run_next_job(workspace, db)
    again = optimize(workspace, db, voice, "guide")
    assert (again.ids, again.existing) == (first.ids, {"dynamic-int8-guide": first.ids[0]})
    assert open_ids(db) == []


def test_force_queues_a_variant_again(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    first = optimize(workspace, db, voice, "guide")
    again = optimize(workspace, db, voice, "guide", force=True)
    assert again.existing == {}
    assert again.ids != first.ids


def test_other_parameters_make_another_variant(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    optimize(workspace, db, voice, "dynamic")
    assert optimize(workspace, db, voice, "dynamic", params={"stages": "1"}).existing == {}


def _delete(voice: Voice, db: sqlite3.Connection) -> None:
    Path(voice.variants[1].path).unlink()


def _damage(voice: Voice, db: sqlite3.Connection) -> None:
    Path(voice.variants[1].path).write_bytes(b"damaged")


def _upgrade(voice: Voice, db: sqlite3.Connection) -> None:
    db.execute("UPDATE variants SET tools = ? WHERE recipe IS NOT NULL", (json.dumps({"onnxruntime": "0.9"}),))


@pytest.mark.parametrize("change", [_delete, _damage, _upgrade])
def test_a_missing_damaged_or_outdated_variant_is_made_again(
    change: object, workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    optimize(workspace, db, voice, "guide")
    run_next_job(workspace, db)
    change(get_voice(db, voice.key), db)  # type: ignore[operator]
    assert optimize(workspace, db, voice, "guide").existing == {}


def test_a_job_that_is_being_cancelled_does_not_count_as_queued(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    (first,) = optimize(workspace, db, voice, "guide").ids
    claim(db)
    cancel(db, first)
    assert optimize(workspace, db, voice, "guide").existing == {}


def test_a_benchmark_waits_for_its_variants_and_the_same_one_is_queued_once_unless_forced(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    optimize_id, benchmark_id = optimize(workspace, db, voice, "guide", benchmark=True).ids
    same, again = optimize(workspace, db, voice, "guide", benchmark=True).ids
    assert (same, again) == (optimize_id, benchmark_id)
    assert get_job(db, again).after == (optimize_id,)
    assert get_job(db, again).params["variants"] == ["dynamic-int8-guide"]
    # One that would run before its new variants is another.
    assert optimize(workspace, db, voice, "guide", benchmark=True, force=True).ids[1] != benchmark_id


@pytest.mark.parametrize(
    ("state", "other", "is_same"),
    [
        ("queued", {"variants": ["int4"]}, True),
        ("running", {"variants": ["int4"]}, True),
        ("succeeded", {"variants": ["int4"]}, False),
        ("failed", {"variants": ["int4"]}, False),
        ("queued", {"variants": []}, False),
        ("queued", {"variants": ["int4"], "threads": [1]}, False),
        ("queued", {"variants": ["int4"], "budget_s": 60.0}, False),
    ],
)
def test_a_benchmark_that_is_queued_or_running_is_named_instead_of_queued_again(
    state: str, other: dict[str, Any], is_same: bool, workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    (first,) = submit(workspace, db, benchmark_job(voice, ["int4"]))
    db.execute("UPDATE jobs SET state = ? WHERE id = ?", (state, first))
    job = benchmark_job(voice, **other)
    submission = submit_benchmark(workspace, db, job)
    assert submission.existing == ({BENCHMARK: first} if is_same else {})
    assert (submission.ids == (first,)) == is_same
    assert submit_benchmark(workspace, db, job, force=True).ids[0] > first


def test_a_benchmark_that_is_being_cancelled_does_not_count(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    (first,) = submit(workspace, db, benchmark_job(voice, []))
    db.execute("UPDATE jobs SET state = 'running', cancel_asked = 1 WHERE id = ?", (first,))
    assert submit_benchmark(workspace, db, benchmark_job(voice, [])).existing == {}


def test_a_benchmark_of_existing_variants_waits_for_nothing(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    optimize(workspace, db, voice, "guide")
    run_next_job(workspace, db)
    *_, benchmark_id = optimize(workspace, db, voice, "guide", benchmark=True).ids
    assert get_job(db, benchmark_id).after == ()


def test_priority_start_time_and_prerequisites_are_kept(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    (prerequisite,) = submit(workspace, db, benchmark_job(voice, []))
    scheduling = Scheduling(priority=3, after=(prerequisite,), not_before="2999-01-01T00:00:00.000Z")
    optimize_id, benchmark_id = optimize(workspace, db, voice, "guide", benchmark=True, scheduling=scheduling).ids
    jobs = get_job(db, optimize_id), get_job(db, benchmark_id)
    assert [job.priority for job in jobs] == [3, 3]
    assert [job.after for job in jobs] == [(prerequisite,), (prerequisite, optimize_id)]
    assert {job.not_before for job in jobs} == {scheduling.not_before}


def test_limits_come_from_the_settings(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    workspace.settings_file.write_text("time_limit: 90min\nmemory_limit: 2 GB")
    (job_id,) = submit(workspace, db, benchmark_job(voice, []))
    limits = get_job(db, job_id).limits
    assert (limits.seconds, limits.memory_mb) == (5400, 2000)


def test_without_settings_a_job_may_use_most_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "usable_memory_mb", lambda: 8000)
    limits = scheduling.default_limits(Settings())
    assert (limits.seconds, limits.memory_mb) == (6 * 3600, 6400)


def test_nothing_is_queued_with_invalid_settings(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    workspace.settings_file.write_text("time_limit: soon")
    with pytest.raises(InvalidInput, match=r"ttsdash\.yaml: time_limit: 'soon' is not a duration"):
        optimize(workspace, db, voice, "guide")
    assert list_jobs(db) == []


def test_editing_the_parameters_of_a_job_updates_its_benchmark(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    optimize_id, benchmark_id = optimize(workspace, db, voice, "dynamic", params={"window": "128"}, benchmark=True).ids
    edit_job(workspace, db, optimize_id, JobEdit(params={"stages": "1"}, priority=2))
    job = get_job(db, optimize_id)
    assert (job.variant, job.priority) == ("dynamic-int8+stages=1+window=128", 2)
    assert (job.params["params"]["stages"], job.params["params"]["window"]) == (1, 128)
    assert get_job(db, benchmark_id).params["variants"] == ["dynamic-int8+stages=1+window=128"]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (JobEdit(), "nothing to change in job 2"),
        (JobEdit(params={"stages": "1"}), "job 2 is a benchmark, which has no recipe parameters"),
        (JobEdit(threads=[0]), "invalid number of threads: 0"),
        (JobEdit(after=(2,)), "job 2 cannot wait for job 2"),
    ],
)
def test_an_invalid_edit_changes_nothing(
    edit: JobEdit, message: str, workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    ids: Sequence[int] = optimize(workspace, db, voice, "dynamic", benchmark=True).ids
    before = [get_job(db, job_id) for job_id in ids]
    with pytest.raises(InvalidInput, match=message):
        edit_job(workspace, db, ids[1], edit)
    assert [get_job(db, job_id) for job_id in ids] == before


def test_the_threads_of_a_benchmark_can_be_edited(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    (job_id,) = submit(workspace, db, benchmark_job(voice, ["int4"], width=0.02, budget_s=60))
    edit_job(workspace, db, job_id, JobEdit(threads=[2, 1]))
    assert get_job(db, job_id).params == {
        "variants": ["int4"],
        "threads": [1, 2],
        "texts_file": None,
        "texts": None,
        "width": 0.02,
        "budget_s": 60,
    }


def test_a_running_job_cannot_be_edited(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    (job_id,) = submit(workspace, db, benchmark_job(voice, []))
    claim(db)
    with pytest.raises(InvalidInput, match=f"job {job_id} is running: only a queued job can be changed"):
        edit_job(workspace, db, job_id, JobEdit(priority=1))
