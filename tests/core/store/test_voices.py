"""`core.store.voices` keeps voices and the lineage of their variants."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from core.clock import now
from core.errors import NotFound
from core.records.voices import Variant, Voice
from core.store.database import transaction
from core.store.voices import get_voice, list_voices, put_variant
from core.voices.file import read_voice
from tests.core.voice_files import voice_file
from tests.factories import add_voice
from tests.vits import VitsShape, write_voice


def test_a_voice_is_kept_as_it_was_read(db: sqlite3.Connection, voice_path: Path) -> None:
    read = read_voice(voice_path)
    voice = add_voice(db, read)
    assert (voice.id, voice.key, voice.path) == (read.sha256, "tiny", str(voice_path))
    assert (voice.config, voice.anatomy) == (read.config, read.anatomy)
    assert (voice.size_bytes, voice.sample_rate, voice.speakers, voice.language) == (
        voice_path.stat().st_size,
        22050,
        1,
        "en_US",
    )
    original = voice.variant("original")
    assert (original.sha256, original.path, original.recipe) == (read.sha256, str(voice_path), None)
    assert voice.variants == (original,)
    assert get_voice(db, "tiny") == voice
    assert list_voices(db) == [voice]


def test_a_voice_that_is_added_twice_is_one_voice(db: sqlite3.Connection) -> None:
    first = add_voice(db, voice_file())
    assert add_voice(db, voice_file()) == first
    assert list_voices(db) == [first]


def test_a_voice_that_was_moved_is_found_at_its_new_path(db: sqlite3.Connection) -> None:
    first = add_voice(db, voice_file("/old/amy.onnx"))
    moved = add_voice(db, voice_file("/new/other.onnx"))
    assert (moved.id, moved.key, moved.added_at) == (first.id, "amy", first.added_at)
    assert (moved.path, moved.variant("original").path) == ("/new/other.onnx", "/new/other.onnx")
    assert len(list_voices(db)) == 1


def test_two_voices_with_the_same_stem_have_different_keys(db: sqlite3.Connection, tmp_path: Path) -> None:
    paths = [write_voice(tmp_path / str(seed), VitsShape(seed=seed), "amy") for seed in (1, 2)]
    first, second = (add_voice(db, read_voice(path)) for path in paths)
    assert (first.key, second.key) == ("amy", f"amy-{second.id[:8]}")
    assert add_voice(db, read_voice(paths[1])) == second
    assert [voice.key for voice in list_voices(db)] == [first.key, second.key]


def test_a_voice_is_found_by_key_or_by_path(
    db: sqlite3.Connection, stored: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert get_voice(db, "amy") == get_voice(db, "/voices/amy.onnx") == stored
    monkeypatch.chdir("/")
    assert get_voice(db, "voices/amy.onnx") == stored


def test_a_voice_is_found_by_its_exact_name_else_by_the_only_one_in_another_case(
    db: sqlite3.Connection, stored: Voice
) -> None:
    other = add_voice(db, voice_file("/voices/bob.onnx", "d" * 64))
    assert get_voice(db, "AMY") == stored
    # Versions before 0.3 could give two voices names that differ only in case.
    db.execute("UPDATE voices SET key = 'AMY' WHERE id = ?", (other.id,))
    assert (get_voice(db, "amy").id, get_voice(db, "AMY").id) == (stored.id, other.id)
    with pytest.raises(NotFound, match="known: AMY, amy"):
        get_voice(db, "Amy")


def test_an_unknown_voice_is_not_found_and_the_known_ones_are_named(db: sqlite3.Connection) -> None:
    with pytest.raises(NotFound, match="ttsdash voices add"):
        get_voice(db, "amy")
    add_voice(db, voice_file())
    with pytest.raises(NotFound, match="known: amy"):
        get_voice(db, "bob")


def test_an_unknown_variant_is_not_found_and_the_known_ones_are_named(stored: Voice) -> None:
    with pytest.raises(NotFound, match="it has: original"):
        stored.variant("small")


def test_a_variant_is_kept_with_its_lineage(db: sqlite3.Connection, stored: Voice) -> None:
    variant = _variant("small", "b" * 64)
    _put(db, stored, variant)
    assert get_voice(db, "amy").variants == (stored.variants[0], variant)
    assert list_voices(db) == [get_voice(db, "amy")]


def test_a_new_build_of_a_variant_replaces_the_old_one_in_lists_and_keeps_it_in_the_store(
    db: sqlite3.Connection, stored: Voice
) -> None:
    old, new = _variant("small", "b" * 64), replace(_variant("small", "c" * 64), params={"bits": 4})
    _put(db, stored, old)
    _put(db, stored, new)
    assert get_voice(db, "amy").variant("small") == new
    rows = db.execute(
        "SELECT sha256, replaced_at, params FROM variants WHERE name = 'small' ORDER BY sha256"
    ).fetchall()
    assert [(row["sha256"], row["replaced_at"] is None) for row in rows] == [("b" * 64, False), ("c" * 64, True)]


def test_when_a_variant_was_replaced_is_not_forgotten_later(db: sqlite3.Connection, stored: Voice) -> None:
    for sha256 in ("b", "c"):
        _put(db, stored, _variant("small", sha256 * 64))
    with transaction(db):
        db.execute("UPDATE variants SET replaced_at = 'long ago' WHERE replaced_at IS NOT NULL")
    _put(db, stored, _variant("small", "d" * 64))
    (first,) = db.execute("SELECT replaced_at FROM variants WHERE sha256 = ?", ("b" * 64,)).fetchone()
    assert first == "long ago"


def test_a_variant_that_comes_out_the_same_again_stands_once_and_in_place(
    db: sqlite3.Connection, stored: Voice
) -> None:
    old, other = _variant("small", "b" * 64), _variant("small", "c" * 64)
    again = replace(old, tools={"onnx": "9"})
    for variant in (old, other, again):
        _put(db, stored, variant)
    assert get_voice(db, "amy").variant("small") == again
    assert db.execute("SELECT count(*) FROM variants WHERE name = 'small'").fetchone()[0] == 2


def test_variants_of_different_voices_do_not_meet(db: sqlite3.Connection, stored: Voice) -> None:
    other = add_voice(db, voice_file("/voices/bob.onnx", "d" * 64))
    _put(db, stored, _variant("small", "b" * 64))
    _put(db, other, replace(_variant("small", "b" * 64), voice="bob"))
    assert [variant.voice for voice in list_voices(db) for variant in voice.variants] == ["amy", "amy", "bob", "bob"]


def test_adding_a_voice_again_leaves_its_variants(db: sqlite3.Connection, stored: Voice) -> None:
    _put(db, stored, _variant("small", "b" * 64))
    assert [variant.name for variant in add_voice(db, voice_file()).variants] == ["original", "small"]


def _variant(name: str, sha256: str) -> Variant:
    return Variant(
        voice="amy",
        name=name,
        path=f"/models/amy/{name}.onnx",
        size_bytes=300,
        sha256=sha256,
        recipe="guide",
        params={"bits": 8},
        source_sha256="a" * 64,
        tools={"onnx": "1"},
        job_id=None,
        created_at=now(),
    )


def _put(db: sqlite3.Connection, voice: Voice, variant: Variant) -> None:
    with transaction(db):
        put_variant(db, voice.id, variant)
