"""A distilled variant that is trained further in the queue: it is replaced only by what sounds better."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.distill import recipe, run
from core.distill.pace import Pace
from core.distill.run import NotBetter
from core.distill.sound import Sound
from core.distill.student import SHAPES
from core.errors import InvalidInput
from core.files import sha256_of
from core.library.remove import finish_removals, plan_removal, remove_voice
from core.records.voices import Variant, Voice
from core.store.database import transaction
from core.store.jobs import get_job
from core.store.lifecycle import claim, finish
from core.store.voices import get_voice, put_variant, voice_of_id
from core.variants.checksums import integrity_error
from core.variants.kept_training import CHECKSUM, trained_variant, training_path_of
from core.variants.recipes import RECIPES
from core.variants.variant_files import variant_path
from core.voices.file import config_path_of, read_voice
from core.workspace import Workspace
from jobs.context import JobContext
from jobs.edit import JobEdit, edit_job
from jobs.kinds import KINDS
from jobs.recovery import remove_leftovers
from jobs.submit import OptimizeRequest, Submission, submit_optimize
from tests.factories import add_voice
from tests.running import leftover_files, refused, ttsdash
from tests.vits import TINY, write_voice

SMALL = "distilled+size=small"
STEPS = 8
pytestmark = pytest.mark.xdist_group("distill")


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train for a few steps on a few sentences, and judge after each step."""
    for module in (recipe, run):
        monkeypatch.setattr(module, "PACE", Pace(audio_s=5, checkpoint_s=0, judged_s=0))
    monkeypatch.setitem(SHAPES, "small", replace(SHAPES["small"], steps=STEPS))


@pytest.fixture
def voice(db: sqlite3.Connection, tmp_path: Path) -> Voice:
    """A voice whose first stage is computed in int8."""
    return add_voice(db, read_voice(write_voice(tmp_path / "voices", replace(TINY, upsample_channels=96))))


@pytest.fixture
def variant(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> Variant:
    """What stands for a distilled variant and the state of its training."""
    path = variant_path(workspace, voice.folder, SMALL)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"made")
    config_path_of(path).write_text(json.dumps(voice.config))
    training_path_of(path).write_bytes(b"state")
    made = replace(
        voice.variants[0],
        name=SMALL,
        path=str(path),
        sha256=sha256_of(path),
        recipe="distill",
        params={"size": "small", "budget": "auto", CHECKSUM: sha256_of(training_path_of(path))},
        source_sha256=voice.source_sha256,
        tools=RECIPES["distill"].tool_versions(),
    )
    with transaction(db):
        put_variant(db, voice.id, made)
    return get_voice(db, voice.key).variant(SMALL)


def hear(monkeypatch: pytest.MonkeyPatch, *sounds: float) -> None:
    """Let the students that are judged have these scores, and all later ones the last of them."""
    heard: Iterator[float] = iter([*sounds, *[sounds[-1]] * 99])
    monkeypatch.setattr(run, "judge", lambda *given: Sound(1.0, next(heard)))


def optimize(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, params: dict[str, str], start: str | None = None
) -> Submission:
    request = OptimizeRequest(["distill"], params, from_variant=start)
    return submit_optimize(workspace, db, get_voice(db, voice.key), request)


def run_next_job(workspace: Workspace, db: sqlite3.Connection) -> Voice:
    """Run the next job in this process, and return its voice afterwards."""
    job = claim(db)
    assert job is not None
    try:
        voice = voice_of_id(db, job.voice_id)
        KINDS[job.kind](JobContext(workspace, db, job, voice, job.attempt, lambda stage, share: None))
    except BaseException:
        finish(db, job.id, job.attempt, "failed", "it failed")
        raise
    finish(db, job.id, job.attempt, "succeeded")
    remove_leftovers(workspace, get_job(db, job.id))
    return voice_of_id(db, job.voice_id)


def files_of(variant: Variant) -> list[bytes]:
    """The contents of a variant's file and of the state beside it."""
    return [path.read_bytes() for path in (Path(variant.path), training_path_of(Path(variant.path)))]


def test_a_variant_is_replaced_by_one_that_was_trained_further_only_if_that_sounds_better(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear(monkeypatch, *[1 + number / 10 for number in range(STEPS + 1)])
    optimize(workspace, db, voice, {"size": "small"})
    first = run_next_job(workspace, db).variant(SMALL)
    assert (first.params["runs"], first.params["steps"]) == (1, STEPS)
    assert training_path_of(Path(first.path)).stat().st_mode & 0o777 == 0o600
    before = files_of(first)

    hear(monkeypatch, 1.8, 1.7)
    optimize(workspace, db, voice, {}, start=SMALL)
    with pytest.raises(NotBetter, match=r"the student has PESQ 1\.70, before it had PESQ 1\.80: the variant stays"):
        run_next_job(workspace, db)
    assert get_voice(db, voice.key).variant(SMALL) == first
    assert files_of(first) == before

    hear(monkeypatch, 1.8, 1.9)
    submission = optimize(workspace, db, voice, {}, start=SMALL)
    job = get_job(db, submission.ids[0])
    assert (job.variant, job.params["params"]["size"], job.params["from"]) == (SMALL, "small", SMALL)
    found = run_next_job(workspace, db)
    after = found.variant(SMALL)
    assert (len(found.variants), after.path) == (2, first.path)
    assert not set(files_of(after)) & set(before)
    assert integrity_error(Path(after.path), after.sha256) is None
    assert (after.params["runs"], after.params["steps"], after.params["budget"]) == (2, STEPS + STEPS // 2, "auto")
    assert after.params["trained_s"] >= first.params["trained_s"]
    assert after.params["held_out_pesq"] == 1.9
    assert trained_variant(found, SMALL) == after
    assert leftover_files(workspace) == []


def test_more_training_is_not_up_to_date_but_is_queued_only_once(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Variant
) -> None:
    assert optimize(workspace, db, voice, {"size": "small"}).existing == {SMALL: variant.job_id}
    first = optimize(workspace, db, voice, {"budget": "1h"}, start=SMALL)
    assert optimize(workspace, db, voice, {"budget": "1h"}, start=SMALL).existing == {SMALL: first.ids[0]}
    assert optimize(workspace, db, voice, {"budget": "2h"}, start=SMALL).existing == {}


def test_a_queued_job_keeps_what_it_goes_on_from_when_its_budget_is_changed(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Variant
) -> None:
    (job_id,) = optimize(workspace, db, voice, {}, start=SMALL).ids
    edit_job(workspace, db, job_id, JobEdit(params={"budget": "2h"}))
    job = get_job(db, job_id)
    assert (job.variant, job.params["from"], job.params["params"]["budget"]) == (SMALL, SMALL, "2h")
    with pytest.raises(InvalidInput, match="leave size out"):
        edit_job(workspace, db, job_id, JobEdit(params={"size": "large"}))


def test_a_voice_is_removed_with_the_states_of_its_trainings(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Variant
) -> None:
    removed = remove_voice(workspace, db, voice.key)
    assert training_path_of(Path(variant.path)) in removed.files
    assert [path for path in workspace.optimized_models.rglob("*") if path.is_file()] == []


def test_a_removal_that_was_killed_before_it_committed_is_undone_with_the_state(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Variant
) -> None:
    for file in plan_removal(workspace, db, voice.key).files:
        file.rename(file.with_name(f".removed.{file.name}"))
    finish_removals(workspace, db)
    assert trained_variant(voice_of_id(db, voice.id), SMALL) == variant


def test_a_state_that_is_gone_when_the_job_starts_fails_it_in_one_line(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Variant
) -> None:
    optimize(workspace, db, voice, {}, start=SMALL)
    training_path_of(Path(variant.path)).unlink()
    with pytest.raises(InvalidInput, match="cannot read the state of the training"):
        run_next_job(workspace, db)
    assert integrity_error(Path(variant.path), variant.sha256) is None


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--distill", "--from", ""), "--from is empty: name a distilled variant of the voice"),
        (
            ("--dynamic", "--from", "distilled"),
            "--from is for a distilled variant that is trained further or converted: add --distill or --coreml",
        ),
        (
            ("--distill", "--from", "distilled"),
            "tiny has no distilled variant 'distilled' (make one: ttsdash optimize --model tiny --distill)",
        ),
    ],
)
def test_the_command_refuses_in_one_line_what_cannot_be_trained_further(
    arguments: tuple[str, ...], error: str, workspace: Workspace, voice: Voice
) -> None:
    assert refused(ttsdash(workspace, "optimize", "--model", voice.key, *arguments), 2) == error
