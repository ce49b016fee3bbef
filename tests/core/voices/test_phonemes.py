"""From text to phoneme ids, by a configuration that was right when its voice was added, or was not."""

from typing import Any

import pytest

from core.errors import InvalidInput
from core.voices.phonemes import phoneme_ids
from tests.vits import TINY, voice_config

CONFIG = voice_config(TINY)


def test_sentences_are_joined_to_one() -> None:
    begin, end = CONFIG["phoneme_id_map"]["^"][0], CONFIG["phoneme_id_map"]["$"][0]
    ids = phoneme_ids(CONFIG, "Go. Hi.")
    assert (ids[0], ids[-1], ids.count(begin), ids.count(end)) == (begin, end, 1, 1)
    assert len(ids) > len(phoneme_ids(CONFIG, "Go."))


@pytest.mark.parametrize(
    "changes",
    [
        {"espeak": {"voice": "xx-none"}},
        {"espeak": "en"},
        {"phoneme_id_map": {}},
        {"phoneme_id_map": None},
        # A text holds each of its letters, but maps them to nothing.
        {"phoneme_id_map": "həlˈoʊ."},
        {"phoneme_type": "semaphore"},
    ],
)
def test_a_configuration_without_phonemes_gets_one_line(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"^no phoneme") as caught:
        phoneme_ids(CONFIG | changes, "Hello.")
    assert len(str(caught.value).splitlines()) == 1
