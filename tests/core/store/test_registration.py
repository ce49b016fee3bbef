"""A path is one voice: what `core.store.voices.register_voice` makes of files that change, move, or have copies."""

import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.clock import now
from core.errors import InvalidInput
from core.records.voices import Outdated, Variant, Voice
from core.store.database import transaction
from core.store.sources import earlier_sources, own_sources
from core.store.voices import Change, get_voice, list_voices, put_variant, register_voice, voice_of_id
from core.text import fold_case
from core.voices.file import config_path_of, config_sha256, read_voice
from tests.factories import add_voice
from tests.vits import VitsShape, write_voice


def export(path: Path, seed: int) -> Path:
    """Export a voice to a path, over what is there."""
    made = write_voice(path.parent / f"export-{seed}", VitsShape(seed=seed), path.stem)
    config_path_of(made).replace(config_path_of(path))
    return made.replace(path)


def register(db: sqlite3.Connection, path: Path) -> tuple[Voice, Change]:
    done = register_voice(db, read_voice(path))
    return done.voice, done.change


def put_made(db: sqlite3.Connection, voice: Voice, name: str = "static-int8") -> Variant:
    """Store a variant that was made from what the voice is now."""
    made = Variant(
        voice=voice.key,
        name=name,
        path=f"/models/{voice.folder}/{name}.onnx",
        size_bytes=300,
        sha256="b" * 64,
        recipe="static",
        params={},
        source_sha256=voice.source_sha256,
        tools={},
        job_id=None,
        created_at=now(),
        config_sha256=config_sha256(voice.config),
    )
    with transaction(db):
        put_variant(db, voice.id, made)
    return made


@pytest.fixture
def amy(tmp_path: Path) -> Path:
    return write_voice(tmp_path / "voices", VitsShape(seed=1), "amy")


def test_a_file_exported_again_replaces_the_source_of_its_voice(db: sqlite3.Connection, amy: Path) -> None:
    first, change = register(db, amy)
    assert change is Change.ADDED
    put_made(db, first)
    second, change = register(db, export(amy, seed=2))
    assert change is Change.REPLACED
    assert (second.id, second.key, second.folder, second.added_at) == (first.id, "amy", "amy", first.added_at)
    assert second.source_sha256 == read_voice(amy).sha256 != first.source_sha256
    assert [voice.key for voice in list_voices(db)] == ["amy"]
    assert second.variant("static-int8").outdated is Outdated.SOURCE
    assert [variant.name for variant in second.current_variants] == ["original"]
    assert earlier_sources(db) == {first.source_sha256}
    assert set(own_sources(db, second.id)) == {first.source_sha256, second.source_sha256}


def test_a_file_that_is_exported_as_it_was_before_makes_its_variants_current_again(
    db: sqlite3.Connection, amy: Path
) -> None:
    first, _ = register(db, amy)
    put_made(db, first)
    register(db, export(amy, seed=2))
    again, change = register(db, export(amy, seed=1))
    assert (change, again.source_sha256) == (Change.REPLACED, first.source_sha256)
    assert again.variant("static-int8").outdated is None
    assert [variant.name for variant in again.variants] == ["original", "static-int8"]


def test_a_configuration_with_another_content_makes_variants_outdated(db: sqlite3.Connection, amy: Path) -> None:
    first, _ = register(db, amy)
    made = put_made(db, first)
    config = config_path_of(amy)
    config.write_text(config.read_text().replace("22050", "16000"))
    second, change = register(db, amy)
    assert (change, second.id, second.sample_rate) == (Change.RECONFIGURED, first.id, 16000)
    outdated = second.variant("static-int8")
    assert outdated.outdated is Outdated.CONFIG
    # What its own configuration must contain is not known any more.
    assert second.config_of(outdated) is None
    assert first.config_of(made) == first.config


def test_a_configuration_in_another_order_changes_nothing(db: sqlite3.Connection, amy: Path) -> None:
    import json

    first, _ = register(db, amy)
    put_made(db, first)
    config = config_path_of(amy)
    content = json.loads(config.read_text())
    config.write_text(json.dumps(dict(reversed(content.items())), indent=4))
    second, change = register(db, amy)
    assert change is Change.UNCHANGED
    assert second.variant("static-int8").outdated is None


def test_a_file_that_was_moved_takes_its_voice_with_it(db: sqlite3.Connection, amy: Path, tmp_path: Path) -> None:
    first, _ = register(db, amy)
    put_made(db, first)
    new = tmp_path / "elsewhere" / "bob.onnx"
    new.parent.mkdir()
    config_path_of(amy).rename(config_path_of(new))
    moved, change = register(db, amy.rename(new))
    assert (change, moved.id, moved.key, moved.path) == (Change.MOVED, first.id, "amy", str(new))
    assert moved.variant("static-int8").outdated is None


def copy(path: Path, target: Path) -> Path:
    target.parent.mkdir(exist_ok=True)
    config_path_of(target).write_bytes(config_path_of(path).read_bytes())
    target.write_bytes(path.read_bytes())
    return target


def link(path: Path, target: Path) -> Path:
    target.parent.mkdir(exist_ok=True)
    config_path_of(target).symlink_to(config_path_of(path))
    target.symlink_to(path)
    return target


def hard_link(path: Path, target: Path) -> Path:
    target.parent.mkdir(exist_ok=True)
    os.link(config_path_of(path), config_path_of(target))
    os.link(path, target)
    return target


@pytest.mark.parametrize(
    ("make", "change"), [(copy, Change.COPY), (link, Change.UNCHANGED), (hard_link, Change.UNCHANGED)]
)
def test_another_path_to_the_same_content_is_the_same_voice(
    db: sqlite3.Connection, amy: Path, tmp_path: Path, make: Callable[[Path, Path], Path], change: Change
) -> None:
    first, _ = register(db, amy)
    assert register(db, make(amy, tmp_path / "other" / "amy.onnx")) == (first, change)
    assert list_voices(db) == [first]


def test_a_copy_with_another_configuration_is_refused(db: sqlite3.Connection, amy: Path, tmp_path: Path) -> None:
    register(db, amy)
    other = copy(amy, tmp_path / "other" / "amy.onnx")
    config_path_of(other).write_text(config_path_of(other).read_text().replace("22050", "16000"))
    with pytest.raises(InvalidInput, match="the same model as amy"):
        register(db, other)


def test_a_link_to_a_file_that_was_exported_again_replaces_the_source_of_that_voice(
    db: sqlite3.Connection, amy: Path, tmp_path: Path
) -> None:
    first, _ = register(db, amy)
    target = link(amy, tmp_path / "other" / "link.onnx")
    export(amy, seed=2)
    second, change = register(db, target)
    assert (change, second.id, second.path) == (Change.REPLACED, first.id, str(amy))


def test_a_link_that_leads_to_another_file_now_is_the_same_voice(db: sqlite3.Connection, tmp_path: Path) -> None:
    versions = [write_voice(tmp_path / f"v{seed}", VitsShape(seed=seed), "amy") for seed in (1, 2)]
    current = link(versions[0], tmp_path / "current" / "amy.onnx")
    first, _ = register(db, current)
    for path in (current, config_path_of(current)):
        path.unlink()
    second, change = register(db, link(versions[1], current))
    assert (change, second.id, second.path) == (Change.REPLACED, first.id, str(current))


def test_what_a_file_was_before_it_changed_is_a_voice_elsewhere(
    db: sqlite3.Connection, amy: Path, tmp_path: Path
) -> None:
    """In both orders: the backup is added before or after the file that was exported again."""
    first, _ = register(db, amy)
    backup = copy(amy, tmp_path / "backup" / "amy.onnx")
    export(amy, seed=2)
    old, change = register(db, backup)
    assert (change, old.source_sha256, old.path) == (Change.ADDED, first.source_sha256, str(backup))
    assert old.id != first.id
    new, change = register(db, amy)
    assert (change, new.id) == (Change.REPLACED, first.id)
    assert register(db, backup) == (old, Change.UNCHANGED)
    assert {voice.id for voice in list_voices(db)} == {old.id, new.id}
    # The other voice has that content now.
    assert own_sources(db, new.id) == [new.source_sha256]


def test_two_voices_whose_paths_have_the_same_content_now_remain_two(
    db: sqlite3.Connection, amy: Path, tmp_path: Path
) -> None:
    bob = write_voice(tmp_path / "voices", VitsShape(seed=2), "bob")
    register(db, amy)
    before, _ = register(db, bob)
    after, change = register(db, copy(amy, bob))
    assert (change, after.id, after.key) == (Change.REPLACED, before.id, "bob")
    assert [voice.key for voice in list_voices(db)] == ["amy", "bob"]


def test_a_path_that_an_older_version_registered_twice_changes_only_one_of_them(
    db: sqlite3.Connection, amy: Path
) -> None:
    first, _ = register(db, amy)
    export(amy, seed=2)
    db.execute("UPDATE voices SET path = '/hidden'")
    second, _ = register(db, amy)
    db.execute("UPDATE voices SET path = ?", (str(amy),))
    assert (second.key, second.id) == (f"amy-{second.source_sha256[:8]}", second.source_sha256)
    assert register(db, amy)[1] is Change.UNCHANGED
    assert voice_of_id(db, first.id).source_sha256 == first.source_sha256


@pytest.mark.parametrize(
    ("first", "second"), [("Amy", "amy"), ("amy", "AMY"), ("Straße", "STRASSE"), ("ångström", "Ångström")]
)
def test_voices_whose_names_differ_only_in_case_do_not_share_a_folder(
    db: sqlite3.Connection, tmp_path: Path, first: str, second: str
) -> None:
    paths = [write_voice(tmp_path / str(seed), VitsShape(seed=seed), stem) for seed, stem in ((1, first), (2, second))]
    voices = [add_voice(db, read_voice(path)) for path in paths]
    assert len({fold_case(voice.folder) for voice in voices}) == 2
    assert len({fold_case(voice.key) for voice in voices}) == 2
    assert voices[1].key == f"{second}-{voices[1].source_sha256[:8]}"


def test_voices_with_very_long_names_do_not_share_a_folder(db: sqlite3.Connection, tmp_path: Path) -> None:
    paths = [write_voice(tmp_path / str(seed), VitsShape(seed=seed), "a" * 120) for seed in (1, 2, 3)]
    folders = {add_voice(db, read_voice(path)).folder for path in paths}
    assert len(folders) == 3
    assert all(len(folder) <= 120 for folder in folders)


def test_a_variant_that_is_made_again_is_current(db: sqlite3.Connection, amy: Path) -> None:
    first, _ = register(db, amy)
    put_made(db, first)
    second, _ = register(db, export(amy, seed=2))
    with transaction(db):
        again = replace(
            first.variants[0],
            name="static-int8",
            recipe="static",
            sha256="c" * 64,
            source_sha256=second.source_sha256,
        )
        put_variant(db, second.id, again)
    assert get_voice(db, "amy").outdated_variants == ()
