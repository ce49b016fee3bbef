"""Queuing what is made from another variant: that must be there, or be made before."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InvalidInput, NotFound, TtsdashError
from core.files import sha256_of
from core.records.voices import Voice
from core.store.jobs import get_job
from core.store.voices import get_voice, put_variant
from core.variants.converted import find_file
from core.variants.recipes import RECIPES
from core.workspace import Workspace
from jobs.edit import JobEdit, edit_job
from jobs.submit import OptimizeRequest, Submission, submit_optimize
from tests.factories import make_variant

pytest.importorskip("coremltools")


def convert(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, *others: str, name: str = "distilled", **options: bool
) -> Submission:
    request = OptimizeRequest((*others, "coreml"), {"from": name}, **options)  # type: ignore[arg-type]
    return submit_optimize(workspace, db, voice, request)


def store(
    db: sqlite3.Connection, voice: Voice, recipe: str, name: str, path: Path, content: bytes, **more: str
) -> None:
    """Store a variant as the recipe makes it, with these bytes as its file."""
    path.write_bytes(content)
    Path(f"{path}.json").write_text("{}")
    made_by = RECIPES[recipe]
    params = made_by.complete({"from": "distilled"} if recipe == "coreml" else {}) | more
    variant = make_variant(
        name,
        voice=voice.key,
        path=str(path),
        sha256=sha256_of(path),
        recipe=recipe,
        params=params,
        source_sha256=voice.id,
    )
    put_variant(db, voice.id, replace(variant, tools=made_by.tool_versions()))


def store_distilled(
    db: sqlite3.Connection, voice: Voice, folder: Path, content: bytes = b"student", **more: str
) -> Path:
    path = folder / "distilled.onnx"
    store(db, voice, "distill", "distilled", path, content, **more)
    return path


def test_a_distilled_variant_that_is_there_is_converted_at_once(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, tmp_path: Path
) -> None:
    store_distilled(db, voice, tmp_path)
    (job_id,) = convert(workspace, db, voice).ids
    job = get_job(db, job_id)
    assert (job.variant, job.params["params"]["from"], job.after) == ("coreml+from=distilled", "distilled", ())


@pytest.mark.parametrize("together", [True, False], ids=["in the same command", "queued before"])
def test_a_conversion_waits_for_the_job_that_makes_the_distilled_variant(
    together: bool, workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    if together:
        distill, job_id = convert(workspace, db, voice, "distill").ids
    else:
        (distill,) = submit_optimize(workspace, db, voice, OptimizeRequest(["distill"])).ids
        (job_id,) = convert(workspace, db, voice).ids
    assert get_job(db, distill).variant == "distilled"
    assert get_job(db, job_id).after == (distill,)


def _nothing(db: sqlite3.Connection, voice: Voice, folder: Path) -> None:
    pass


def _of_another_recipe(db: sqlite3.Connection, voice: Voice, folder: Path) -> None:
    store(db, voice, "dynamic", "distilled", folder / "distilled.onnx", b"no student")


def _outdated(db: sqlite3.Connection, voice: Voice, folder: Path) -> None:
    store_distilled(db, voice, folder)
    db.execute("UPDATE variants SET source_sha256 = 'earlier' WHERE name = 'distilled'")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (_nothing, NotFound, "tiny has no variant 'distilled'; it has: original"),
        (_of_another_recipe, InvalidInput, "distilled of tiny has no student: convert the original, or a distilled variant"),
        (_outdated, InvalidInput, "distilled of tiny is outdated, made from an earlier file of this voice: make it again: "
         "ttsdash optimize --model tiny --distill --force"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_is_not_queued(
    given: object,
    error: type[TtsdashError],
    message: str,
    workspace: Workspace,
    db: sqlite3.Connection,
    voice: Voice,
    tmp_path: Path,
) -> None:
    given(db, voice, tmp_path)  # type: ignore[operator]
    with pytest.raises(error) as refused:
        convert(workspace, db, voice)
    assert str(refused.value) == message
    assert db.execute("SELECT count(*) FROM jobs").fetchone()[0] == 0


@pytest.mark.parametrize("name", ["dynamic-int8", "distilled2", "coreml", "int4+from=distilled"])
def test_only_the_name_of_a_distilled_variant_is_allowed(
    name: str, workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    with pytest.raises(InvalidInput, match=r"from=.* \(allowed: original, or a variant that is distilled\)"):
        convert(workspace, db, voice, name=name)


def test_a_damaged_distilled_variant_is_not_converted(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, tmp_path: Path
) -> None:
    store_distilled(db, voice, tmp_path).write_bytes(b"damaged")
    with pytest.raises(InvalidInput, match=r"cannot be converted \(checksum differs: .*\): make it again: "):
        find_file(get_voice(db, voice.key), "distilled")


def test_a_conversion_is_up_to_date_until_the_distilled_variant_is_another_one(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, tmp_path: Path
) -> None:
    distilled = store_distilled(db, voice, tmp_path)
    made, of_it = tmp_path / "made.onnx", sha256_of(distilled)
    store(db, voice, "coreml", "coreml+from=distilled", made, b"program", from_sha256=of_it)
    made.with_name("made.onnx.json").write_text(json.dumps(voice.config))
    assert convert(workspace, db, voice).existing == {"coreml+from=distilled": None}
    # The same command makes a distilled variant with another budget.
    request = OptimizeRequest(["distill", "coreml"], {"from": "distilled", "budget": "2h"})
    assert submit_optimize(workspace, db, voice, request).existing == {}
    db.execute("UPDATE jobs SET state = 'cancelled'")
    store_distilled(db, voice, tmp_path, b"trained for longer")
    assert convert(workspace, db, voice).existing == {}


def test_a_variant_made_before_there_was_a_choice_is_that_of_the_original(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, tmp_path: Path
) -> None:
    store(db, voice, "coreml", "coreml", tmp_path / "made.onnx", b"program")
    (tmp_path / "made.onnx.json").write_text(json.dumps(voice.config))
    db.execute("UPDATE variants SET params = json_remove(params, '$.from') WHERE name = 'coreml'")
    submission = submit_optimize(workspace, db, voice, OptimizeRequest(["coreml"]))
    assert submission.existing == {"coreml": None}


def test_an_outdated_conversion_is_made_again_after_what_it_is_made_from(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, tmp_path: Path
) -> None:
    store_distilled(db, voice, tmp_path)
    store(db, voice, "coreml", "coreml+from=distilled", tmp_path / "made.onnx", b"program")
    db.execute("UPDATE variants SET source_sha256 = 'earlier' WHERE recipe IS NOT NULL")
    distill, job_id = submit_optimize(workspace, db, voice, OptimizeRequest(outdated=True)).ids
    assert get_job(db, distill).variant == "distilled"
    assert get_job(db, job_id).after == (distill,)
    db.execute("UPDATE jobs SET state = 'cancelled'")
    db.execute("DELETE FROM variants WHERE name = 'distilled'")
    with pytest.raises(InvalidInput, match=r"coreml\+from=distilled: tiny has no variant 'distilled'"):
        submit_optimize(workspace, db, voice, OptimizeRequest(outdated=True))


def test_what_is_converted_can_be_edited(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, tmp_path: Path
) -> None:
    (job_id,) = submit_optimize(workspace, db, voice, OptimizeRequest(["coreml"])).ids
    edit_job(workspace, db, job_id, JobEdit(params={"from": "distilled+size=small"}))
    assert get_job(db, job_id).variant == "coreml+from=distilled+size=small"
