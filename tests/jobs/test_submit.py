"""Queuing: what is there already is not made again, and scheduling and limits come along."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

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
from jobs.submit import OptimizeRequest, Scheduling, Submission, benchmark_job, submit, submit_optimize


def optimize(workspace: Workspace, db: sqlite3.Connection, voice: Voice, *recipes: str, **more: object) -> Submission:
    return submit_optimize(workspace, db, voice, OptimizeRequest(recipes, **more))  # type: ignore[arg-type]


def work(workspace: Workspace, db: sqlite3.Connection) -> None:
    """Run the next job here."""
    job = claim(db)
    assert job is not None
    voice = get_voice(db, job.voice)
    KINDS[job.kind](JobContext(workspace, db, job, voice, job.attempt, lambda stage, share: None))
    db.execute("UPDATE jobs SET state = 'succeeded' WHERE id = ?", (job.id,))


def test_what_a_job_is_to_make_is_not_queued_again(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    first = optimize(workspace, db, voice, "guide")
    again = optimize(workspace, db, voice, "guide")
    assert (again.ids, again.already) == (first.ids, {"dynamic-int8-guide": first.ids[0]})
    assert len(list_jobs(db)) == 1


def test_what_is_there_is_not_made_again(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    first = optimize(workspace, db, voice, "guide")
    work(workspace, db)
    again = optimize(workspace, db, voice, "guide")
    assert (again.ids, again.already) == (first.ids, {"dynamic-int8-guide": first.ids[0]})
    assert open_ids(db) == []


def test_force_makes_it_again(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    first = optimize(workspace, db, voice, "guide")
    again = optimize(workspace, db, voice, "guide", force=True)
    assert again.already == {}
    assert again.ids != first.ids


def test_other_parameters_are_another_variant(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    optimize(workspace, db, voice, "dynamic")
    assert optimize(workspace, db, voice, "dynamic", params={"stages": "1"}).already == {}


def _delete(voice: Voice, db: sqlite3.Connection) -> None:
    Path(voice.variants[1].path).unlink()


def _damage(voice: Voice, db: sqlite3.Connection) -> None:
    Path(voice.variants[1].path).write_bytes(b"damaged")


def _upgrade(voice: Voice, db: sqlite3.Connection) -> None:
    db.execute("UPDATE variants SET tools = ? WHERE recipe IS NOT NULL", (json.dumps({"onnxruntime": "0.9"}),))


@pytest.mark.parametrize("change", [_delete, _damage, _upgrade])
def test_what_is_gone_or_damaged_or_was_made_with_other_tools_is_made_again(
    change: object, workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    optimize(workspace, db, voice, "guide")
    work(workspace, db)
    change(get_voice(db, voice.key), db)  # type: ignore[operator]
    assert optimize(workspace, db, voice, "guide").already == {}


def test_a_job_that_is_being_cancelled_makes_nothing(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    (first,) = optimize(workspace, db, voice, "guide").ids
    claim(db)
    cancel(db, first)
    assert optimize(workspace, db, voice, "guide").already == {}


def test_a_benchmark_is_always_run_and_waits_for_what_is_being_made(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    making, measuring = optimize(workspace, db, voice, "guide", benchmark=True).ids
    same, again = optimize(workspace, db, voice, "guide", benchmark=True).ids
    assert same == making
    assert again != measuring
    assert get_job(db, again).after == (making,)
    assert get_job(db, again).params["variants"] == ["dynamic-int8-guide"]


def test_a_benchmark_of_what_is_there_waits_for_nothing(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    optimize(workspace, db, voice, "guide")
    work(workspace, db)
    *_, measuring = optimize(workspace, db, voice, "guide", benchmark=True).ids
    assert get_job(db, measuring).after == ()


def test_priority_time_and_prerequisites_are_kept(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    (before,) = submit(workspace, db, benchmark_job(voice, []))
    scheduling = Scheduling(priority=3, after=(before,), not_before="2999-01-01T00:00:00.000Z")
    making, measuring = optimize(workspace, db, voice, "guide", benchmark=True, scheduling=scheduling).ids
    jobs = get_job(db, making), get_job(db, measuring)
    assert [job.priority for job in jobs] == [3, 3]
    assert [job.after for job in jobs] == [(before,), (before, making)]
    assert {job.not_before for job in jobs} == {scheduling.not_before}


def test_limits_are_those_of_the_settings(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    workspace.settings_file.write_text("time_limit: 90min\nmemory_limit: 2 GB")
    (job_id,) = submit(workspace, db, benchmark_job(voice, []))
    limits = get_job(db, job_id).limits
    assert (limits.seconds, limits.memory_mb) == (5400, 2000)


def test_without_settings_a_job_may_take_most_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "usable_memory_mb", lambda: 8000)
    limits = scheduling.default_limits(Settings())
    assert (limits.seconds, limits.memory_mb) == (6 * 3600, 6400)


def test_with_settings_that_cannot_be_nothing_is_queued(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    workspace.settings_file.write_text("time_limit: soon")
    with pytest.raises(InvalidInput, match=r"ttsdash\.yaml: time_limit: 'soon' is not a duration"):
        optimize(workspace, db, voice, "guide")
    assert list_jobs(db) == []


def test_a_queued_job_gets_other_parameters_and_its_benchmark_follows(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    making, measuring = optimize(workspace, db, voice, "dynamic", params={"window": "128"}, benchmark=True).ids
    edit_job(workspace, db, making, JobEdit(params={"stages": "1"}, priority=2))
    job = get_job(db, making)
    assert (job.variant, job.priority) == ("dynamic-int8+stages=1+window=128", 2)
    assert (job.params["params"]["stages"], job.params["params"]["window"]) == (1, 128)
    assert get_job(db, measuring).params["variants"] == ["dynamic-int8+stages=1+window=128"]


@pytest.mark.parametrize(
    ("wording", "message"),
    [
        (JobEdit(), "nothing to change in job 2"),
        (JobEdit(params={"stages": "1"}), "job 2 is a benchmark, which has no recipe parameters"),
        (JobEdit(threads=[0]), "invalid number of threads: 0"),
        (JobEdit(after=(2,)), "job 2 cannot wait for job 2"),
    ],
)
def test_an_edit_that_cannot_be_changes_nothing(
    wording: JobEdit, message: str, workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    ids: Sequence[int] = optimize(workspace, db, voice, "dynamic", benchmark=True).ids
    before = [get_job(db, job_id) for job_id in ids]
    with pytest.raises(InvalidInput, match=message):
        edit_job(workspace, db, ids[1], wording)
    assert [get_job(db, job_id) for job_id in ids] == before


def test_a_benchmark_gets_another_scope(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    (job_id,) = submit(workspace, db, benchmark_job(voice, ["int4"], width=0.02, budget_s=60))
    edit_job(workspace, db, job_id, JobEdit(threads=[2, 1]))
    assert get_job(db, job_id).params == {
        "variants": ["int4"],
        "threads": [1, 2],
        "texts_file": None,
        "width": 0.02,
        "budget_s": 60,
    }


def test_a_running_job_is_not_edited(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    (job_id,) = submit(workspace, db, benchmark_job(voice, []))
    claim(db)
    with pytest.raises(InvalidInput, match=f"job {job_id} is running: only a queued job can be changed"):
        edit_job(workspace, db, job_id, JobEdit(priority=1))
