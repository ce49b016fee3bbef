"""From text to phoneme ids, by a configuration that was right when its voice was added, or was not."""

import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
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


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stand in for Piper's phonemizer for Chinese; return the folder that it takes its model from."""
    folder = tmp_path / "data" / "ttsdash" / "g2pW"
    library = tmp_path / "library" / "piper"
    library.mkdir(parents=True)
    (library / "__init__.py").touch()
    (library / "phonemize_chinese.py").write_text(
        "import pathlib\n"
        "class ChinesePhonemizer:\n"
        "    def __init__(self, folder):\n"
        "        pathlib.Path(folder).mkdir(parents=True)\n"
        "        (pathlib.Path(folder) / 'g2pw.onnx').touch()\n"
    )
    module = ModuleType("piper.phonemize_chinese")
    monkeypatch.setattr(module, "phonemes_to_ids", lambda phonemes, _: [1, len(phonemes), 2], raising=False)
    monkeypatch.setattr(module, "ChinesePhonemizer", lambda _: _Phonemizer(), raising=False)
    monkeypatch.setitem(sys.modules, "piper.phonemize_chinese", module)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "library"))
    monkeypatch.setattr("core.voices.phonemizer.resource_folder", lambda: folder.parent)
    return folder


class _Phonemizer:
    def phonemize(self, text: str) -> list[list[str]]:
        return [list(text)]


def test_the_model_for_chinese_text_is_downloaded_only_by_the_command_that_the_message_names(chinese: Path) -> None:
    config = CONFIG | {"phoneme_type": "pinyin", "phoneme_id_map": {"h": [3], "a": [4]}}
    with pytest.raises(InvalidInput, match=r"its phonemes need a model that has not been downloaded") as caught:
        phoneme_ids(config, "ha")
    assert not chinese.exists()
    _, _, command = str(caught.value).partition("downloaded: ")
    subprocess.run(shlex.split(command), check=True, cwd=chinese.parents[2])
    assert phoneme_ids(config, "ha") == [1, 2, 2]
