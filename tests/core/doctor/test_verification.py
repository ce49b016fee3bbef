"""`core.doctor.verification` and the doctor, on voices whose files have changed."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.clock import now
from core.doctor.finding import State
from core.doctor.verification import FileState, verify_voice
from core.doctor.voices import check_voice
from core.files import sha256_of
from core.records.voices import Voice
from core.store.database import transaction
from core.store.voices import get_voice, put_variant
from core.variants.variant_files import variant_path
from core.voices.file import config_path_of, config_sha256, read_voice
from core.workspace import Workspace
from tests.factories import add_voice
from tests.vits import VitsShape, write_voice


@pytest.fixture
def made(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> Path:
    """The file of a variant."""
    path = variant_path(workspace, voice.folder, "static-int8")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"made")
    config_path_of(path).write_text(config_path_of(Path(voice.path)).read_text())
    variant = replace(
        voice.variants[0],
        name="static-int8",
        recipe="static",
        path=str(path),
        sha256=sha256_of(path),
        source_sha256=voice.source_sha256,
        config_sha256=config_sha256(voice.config),
        created_at=now(),
    )
    with transaction(db):
        put_variant(db, voice.id, variant)
    return path


def states(db: sqlite3.Connection, voice: Voice) -> list[str]:
    return [str(one.state) for one in verify_voice(get_voice(db, voice.key))]


def export_again(original: Path) -> None:
    new = write_voice(original.parent / "export", VitsShape(seed=7), original.stem)
    new.replace(original)


def reconfigure(original: Path) -> None:
    config = config_path_of(original)
    config.write_text(config.read_text().replace("22050", "16000"))


def spoil_config(original: Path) -> None:
    config_path_of(original).write_text("{")


@pytest.mark.parametrize(
    ("change", "of", "expected"),
    [
        (export_again, "original", ["changed", "ok"]),
        (reconfigure, "original", ["changed", "ok"]),
        (spoil_config, "original", ["changed", "ok"]),
        (Path.unlink, "original", ["missing", "ok"]),
        (lambda path: path.write_bytes(b"x"), "variant", ["ok", "changed"]),
        (reconfigure, "variant", ["ok", "changed"]),
        (Path.unlink, "variant", ["ok", "missing"]),
        (lambda path: config_path_of(path).unlink(), "variant", ["ok", "missing"]),
    ],
)
def test_every_change_of_a_file_is_found(
    db: sqlite3.Connection, voice: Voice, made: Path, change: Callable[[Path], object], of: str, expected: list[str]
) -> None:
    assert states(db, voice) == ["ok", "ok"]
    change(Path(voice.path) if of == "original" else made)
    assert states(db, voice) == expected
    found = verify_voice(get_voice(db, voice.key))
    assert [one.is_problem for one in found] == [state != "ok" for state in expected]
    assert all(one.message and one.fix for one in found if one.is_problem)


@pytest.mark.parametrize("change", [export_again, reconfigure])
def test_the_advice_for_a_voice_whose_files_have_changed_is_true(
    db: sqlite3.Connection, voice: Voice, made: Path, change: Callable[[Path], None]
) -> None:
    change(Path(voice.path))
    (finding,) = (one for one in check_voice(db, get_voice(db, voice.key), "here") if one.state is State.PROBLEM)
    assert finding.fix
    assert finding.fix.endswith(f"ttsdash voices add {voice.path}")
    add_voice(db, read_voice(Path(voice.path)))
    findings = list(check_voice(db, get_voice(db, voice.key), "here"))
    assert [finding.state for finding in findings] == [State.NOTE, State.OK]
    assert findings[0].fix == "ttsdash optimize --model tiny --outdated --benchmark"
    found = verify_voice(get_voice(db, voice.key))
    assert [one.state for one in found] == [FileState.OK, FileState.OUTDATED]
    assert not any(one.is_problem for one in found)


def test_a_voice_that_an_older_version_registered_twice_can_be_removed(db: sqlite3.Connection, voice: Voice) -> None:
    export_again(Path(voice.path))
    db.execute("UPDATE voices SET path = '/hidden'")
    again = add_voice(db, read_voice(Path(voice.path)))
    db.execute("UPDATE voices SET path = ?", (voice.path,))
    (finding,) = check_voice(db, get_voice(db, voice.key), "here")
    assert (finding.state, finding.fix) == (State.PROBLEM, "ttsdash voices remove tiny")
    assert all(one.state is not State.PROBLEM for one in check_voice(db, get_voice(db, again.key), "here"))
