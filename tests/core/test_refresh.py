"""A voice's variant is selected from the files, figures and hardware that are there."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import BadInput
from core.files import sha256_of
from core.hardware.machine import this_machine
from core.selection.refresh import select_now
from core.store.database import open_store, transaction
from core.store.selections import Wish, get_wish, latest_selections, list_selections, put_wish
from core.store.voices import Variant, Voice, add_voice, put_variant
from core.voices import config_path_of, read_voice
from core.workspace import Workspace


@pytest.fixture
def variant(db: sqlite3.Connection, voice: Voice, tmp_path: Path) -> Path:
    """A variant `static-int8`, in truth a copy of the original."""
    path = Path(shutil.copyfile(voice.path, tmp_path / "static-int8.onnx"))
    config_path_of(path).write_text(json.dumps(voice.config))
    register(db, voice, path)
    return path


def register(db: sqlite3.Connection, voice: Voice, path: Path) -> None:
    with transaction(db):
        put_variant(
            db,
            voice.id,
            Variant(
                voice=voice.key,
                name="static-int8",
                path=str(path),
                size_bytes=path.stat().st_size,
                sha256=sha256_of(path),
                recipe="static",
                params={},
                source_sha256=voice.id,
                tools={},
                job_id=None,
                created_at="2026-01-01T00:00:00.000Z",
            ),
        )


def select(db: sqlite3.Connection, voice: Voice, cause: str = "job 1") -> dict[str, str]:
    """The candidates' verdicts and reasons, and under "" what was selected."""
    selection = select_now(db, voice.key, cause)
    return {"": selection.selected} | {
        judged.variant: f"{judged.verdict}: {judged.reason}" for judged in selection.candidates
    }


def test_what_is_whole_and_loads_is_selected_and_kept(db: sqlite3.Connection, voice: Voice, variant: Path) -> None:
    assert select(db, voice)[""] == "static-int8"
    kept = latest_selections(db, this_machine().id)[voice.key]
    assert (kept.selection.selected, kept.selected_sha256, kept.cause) == ("static-int8", sha256_of(variant), "job 1")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda path: path.unlink(), "passed over: missing: "),
        (lambda path: path.write_bytes(b"another"), "passed over: checksum differs: "),
        (lambda path: config_path_of(path).unlink(), "passed over: missing: "),
        (lambda path: config_path_of(path).write_text("{"), "passed over: checksum differs: "),
        (lambda path: config_path_of(path).write_text('{"length_scale": 3}'), "passed over: checksum differs: "),
    ],
)
def test_what_is_gone_or_another_file_is_passed_over(
    harm: Callable[[Path], object], reason: str, db: sqlite3.Connection, voice: Voice, variant: Path
) -> None:
    select(db, voice)
    harm(variant)
    outcome = select(db, voice, "asked by hand")
    assert outcome[""] == "original"
    assert outcome["static-int8"].startswith(reason)
    # What changed, when and why.
    history = list_selections(db, voice.id, this_machine().id)
    assert [(entry.selection.selected, entry.cause) for entry in history] == [
        ("original", "asked by hand"),
        ("static-int8", "job 1"),
    ]


def test_what_does_not_load_falls_through(db: sqlite3.Connection, voice: Voice, variant: Path) -> None:
    variant.write_bytes(b"no model, but just what was registered")
    register(db, voice, variant)
    outcome = select(db, voice)
    assert outcome[""] == "original"
    assert outcome["static-int8"].startswith("passed over: does not load: ONNX Runtime ")


def test_what_another_process_stores_meanwhile_is_looked_at_too(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpinned_meanwhile(*arguments: object) -> str | None:
        if get_wish(db, voice.id).pinned:
            with closing(open_store(workspace)) as other:
                put_wish(other, voice.id, Wish())
        return None

    put_wish(db, voice.id, Wish(pinned="original"))
    monkeypatch.setattr("core.selection.refresh._why_not_loaded", unpinned_meanwhile)
    assert select(db, voice)[""] == "static-int8"
    assert [entry.selection.pinned for entry in list_selections(db, voice.id, this_machine().id)] == [None]


def test_the_wish_of_the_user_counts(db: sqlite3.Connection, voice: Voice, variant: Path) -> None:
    put_wish(db, voice.id, Wish("measured", None))
    assert select(db, voice)["static-int8"] == "passed over: not measured on this machine at all cores"
    put_wish(db, voice.id, Wish("measured", "static-int8"))
    assert select(db, voice)["static-int8"] == "selected: pinned by hand"


def test_what_was_made_here_is_no_voice(db: sqlite3.Connection, voice: Voice, variant: Path) -> None:
    with pytest.raises(BadInput, match="was made here: it is static-int8 of tiny"):
        add_voice(db, read_voice(variant))
