"""`core.library.rename`: another name for the same voice."""

import sqlite3

import pytest

from core.errors import InvalidInput, NotFound
from core.library.rename import rename_voice
from core.records.voices import Voice
from core.store.voices import get_voice
from tests.core.voice_files import voice_file
from tests.factories import add_voice


def test_a_renamed_voice_keeps_its_id_its_files_and_its_folder(db: sqlite3.Connection, stored: Voice) -> None:
    renamed = rename_voice(db, "amy", "amy-2")
    assert (renamed.key, renamed.id, renamed.path, renamed.folder) == ("amy-2", stored.id, stored.path, "amy")
    assert get_voice(db, "amy-2") == renamed
    with pytest.raises(NotFound):
        get_voice(db, "amy")


def test_a_new_voice_of_the_old_name_gets_another_folder(db: sqlite3.Connection, stored: Voice) -> None:
    rename_voice(db, "amy", "bob")
    new = add_voice(db, voice_file("/other/amy.onnx", "d" * 64))
    assert (new.key, new.folder) == ("amy", "amy-dddddddd")


def test_the_case_of_a_name_can_be_changed(db: sqlite3.Connection, stored: Voice) -> None:
    assert rename_voice(db, "amy", "Amy").key == "Amy"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bob", "there is a voice bob already"),
        ("BOB", "there is a voice bob already"),
        ("", "is empty"),
        ("a b", "'a b' cannot be the name of a voice: a-b can"),
        ("../amy", "cannot be the name of a voice"),
        (".amy", "cannot be the name of a voice: amy can"),
        ("amy.onnx", "cannot be the name of a voice: amy can"),
        ("x" * 300, "cannot be the name of a voice"),
        ("a\x1b[31m", "cannot be the name of a voice"),
    ],
)
def test_a_name_that_is_taken_or_cannot_be_one_is_refused(
    db: sqlite3.Connection, stored: Voice, name: str, reason: str
) -> None:
    add_voice(db, voice_file("/voices/bob.onnx", "d" * 64))
    with pytest.raises(InvalidInput) as caught:
        rename_voice(db, "amy", name)
    assert reason in str(caught.value)
    assert get_voice(db, "amy") == stored
