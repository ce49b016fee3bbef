"""A voice that cannot say the texts of its language: what is measured instead, and where it is named."""

import json
from pathlib import Path

import pytest

from core.voices.file import config_path_of
from core.workspace import Workspace
from tests.long_runs import LONG
from tests.running import refused, ttsdash, ttsdash_json
from tests.vits import write_voice

_UKRAINIAN = "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя\u0301\u0306\u0308"


def cyrillic_voice(folder: Path, language: str) -> Path:
    """Write a voice whose phonemes are the small letters of Ukrainian, as uk_UA-ukrainian_tts-medium has them."""
    path = write_voice(folder, name="cyrillic")
    config = json.loads(config_path_of(path).read_text())
    config |= {"phoneme_type": "text", "language": {"code": language}}
    config["phoneme_id_map"] = {letter: [number] for number, letter in enumerate("_^$ !',-.:;?" + _UKRAINIAN)}
    config_path_of(path).write_text(json.dumps(config))
    return path


@pytest.mark.parametrize(
    ("language", "name", "note"),
    [
        (
            "en_US",
            "generated v1",
            "from its phonemes: it cannot say en v1: 100 % of sentence 1 (t, h, e, d, o, r, i, s, …)",
        ),
        ("uk_UA", "uk v1 in lower case", "the voice has no capital letters"),
    ][: 2 if LONG else 1],
)
def test_what_a_voice_spoke_is_named_wherever_its_figures_are(
    language: str, name: str, note: str, workspace: Workspace, tmp_path: Path
) -> None:
    path = cyrillic_voice(tmp_path, language)
    answer = ttsdash_json(workspace, "optimize", "--model", path, "--static", "--benchmark", "--wait")
    made, measured = answer["jobs"]
    assert [made["state"], measured["state"]] == ["succeeded", "succeeded"], answer
    assert {(one["text_set"], one["text_set_note"]) for one in answer["results"]} == {(name, note)}
    full = f"{name} ({note})"
    # What it cannot say of the sentences to calibrate on begins with other letters.
    calibrated = f"calibrated on 12 sentences ({full.partition(' (t, h')[0]}"
    assert calibrated in ttsdash(workspace, "jobs", "logs", made["id"]).stdout
    assert f"texts: {full}" in ttsdash(workspace, "jobs", "logs", measured["id"]).stdout
    result = answer["results"][0]["id"]
    shown = ttsdash(workspace, "results", "show", result).stdout
    assert f"texts            {full}" in shown
    assert f"Texts: {full}." in shown
    assert f"texts        {full}, in the newest benchmark" in ttsdash(workspace, "voices", "show", "cyrillic").stdout
    voice = ttsdash_json(workspace, "voices", "show", "cyrillic")
    assert (voice["text_set"], voice["text_set_note"]) == (name, note)
    assert voice["variants"][1]["params"]["calibration"] == name
    # Texts that are generated have no time for their conversion to phonemes.
    empty = ttsdash_json(workspace, "results", "show", result)["unmeasured"].get("ttfa_ms")
    assert (empty is not None) == (name == "generated v1")


def test_a_users_file_that_the_voice_cannot_say_is_refused_before_anything_is_queued(
    workspace: Workspace, tmp_path: Path
) -> None:
    path, texts = cyrillic_voice(tmp_path, "uk_UA"), tmp_path / "mine.txt"
    texts.write_text("Двері зачинені.\nThe door is locked.\n", encoding="utf-8")
    assert ttsdash(workspace, "voices", "add", path).returncode == 0
    expected = (
        f"{texts}: the voice has no phonemes for 100 % of sentence 2 (t, h, e, d, o, r, i, s, …): "
        "write it in the voice's language (uk_UA)"
    )
    assert refused(ttsdash(workspace, "benchmark", "cyrillic", "--texts", texts), 2) == expected
    optimize = ttsdash(workspace, "optimize", "--model", path, "--static", "--calibration", texts)
    assert refused(optimize, 2) == expected
    assert ttsdash_json(workspace, "jobs", "list") == []


def test_a_voice_that_has_not_been_benchmarked_has_spoken_no_texts(workspace: Workspace, tmp_path: Path) -> None:
    path = cyrillic_voice(tmp_path, "uk_UA")
    assert ttsdash(workspace, "voices", "add", path).returncode == 0
    voice = ttsdash_json(workspace, "voices", "show", "cyrillic")
    assert (voice["text_set"], voice["text_set_note"]) == (None, None)
    assert "in the newest benchmark" not in ttsdash(workspace, "voices", "show", "cyrillic").stdout
