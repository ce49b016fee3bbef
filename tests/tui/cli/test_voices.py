"""`ttsdash voices` on files that change: as processes, with a worker."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.store.database import open_store
from core.store.jobs import get_job
from core.voices.file import config_path_of
from core.workspace import Workspace
from tests.running import refused, ttsdash, ttsdash_json, wait_for_end
from tests.vits import VitsShape, write_voice


def export_again(path: Path, seed: int = 7) -> None:
    new = write_voice(path.parent / f"export-{seed}", VitsShape(seed=seed), path.stem)
    config_path_of(new).replace(config_path_of(path))
    new.replace(path)


def assistant(tmp_path: Path, workspace: Workspace) -> Path:
    """Write a configuration that loads the int8 variant."""
    config = tmp_path / "assistant.yaml"
    made = workspace.optimized_models / "tiny" / "dynamic-int8.onnx"
    config.write_text(f"models:\n  tts:\n    piper:\n      voice_path: {made}\n      quantized_path: {made}\n")
    return config


def variants(workspace: Workspace) -> dict[str, Any]:
    return {entry["name"]: entry for entry in ttsdash_json(workspace, "voices", "show", "tiny")["variants"]}


@pytest.mark.long
def test_a_voice_that_was_exported_again_is_made_good_by_what_is_advised(
    workspace: Workspace, voice_path: Path, tmp_path: Path
) -> None:
    assert ttsdash(workspace, "optimize", "--model", voice_path, "--dynamic", "--benchmark", "--wait").returncode == 0
    config = assistant(tmp_path, workspace)
    before = variants(workspace)
    (old,) = {result["voice_id"] for result in ttsdash_json(workspace, "results", "list")}
    export_again(voice_path)

    # Until it is added again, nothing is written, and every command advises the same.
    advice = f"voices add {voice_path}"
    assert advice in ttsdash(workspace, "doctor").stdout
    assert advice in ttsdash(workspace, "voices", "verify").stdout
    assert advice in refused(ttsdash(workspace, "apply", config, "--use-selected", "--yes"), 2)
    assert advice in refused(ttsdash(workspace, "benchmark", "tiny"), 2)

    added = ttsdash_json(workspace, "voices", "add", voice_path)
    assert (added["voice"], added["change"]) == ("tiny", "replaced")
    assert [voice["voice"] for voice in ttsdash_json(workspace, "voices", "list")] == ["tiny"]
    assert variants(workspace)["dynamic-int8"]["outdated"] == "source"
    assert ttsdash_json(workspace, "select", "tiny")["selected"] == "original"
    assert "is outdated" in refused(ttsdash(workspace, "benchmark", "tiny", "--variant", "dynamic-int8"), 2)
    assert ttsdash(workspace, "select", "tiny", "--pin", "dynamic-int8").stdout.startswith("tiny: original")
    assert ttsdash(workspace, "select", "tiny", "--unpin").returncode == 0
    # The assistant gets the new file, and never the variant of the old one.
    assert ttsdash(workspace, "apply", config, "--use-selected", "--yes").returncode == 0
    assert f"voice_path: {voice_path}" in config.read_text()

    done = ttsdash(workspace, "optimize", "--model", "tiny", "--outdated", "--benchmark", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    after = variants(workspace)["dynamic-int8"]
    assert (after["outdated"], after["source_sha256"]) == (None, added["sha256"])
    assert after["sha256"] != before["dynamic-int8"]["sha256"]
    assert {result["voice_id"] for result in ttsdash_json(workspace, "results", "list", "--voice", "tiny")} == {
        old,
        added["sha256"],
    }
    verified = ttsdash_json(workspace, "voices", "verify", "tiny")
    assert ([one["state"] for one in verified["files"]], verified["problems"]) == (["ok", "ok"], 0)
    # The history of both files goes to another machine under their checksums, and comes back.
    history, other = tmp_path / "history.jsonl", Workspace(tmp_path / "other")
    assert ttsdash(workspace, "results", "export", "--voice", "tiny", "--output", history).returncode == 0
    assert ttsdash_json(other, "results", "import", history)["added"] == 2
    assert ttsdash_json(workspace, "results", "import", history) == {"added": 0, "skipped": 2, "results": 0}
    # Their names come from the library again.
    ttsdash_json(other, "voices", "add", voice_path)
    assert {result["voice"] for result in ttsdash_json(other, "results", "list")} == {"tiny"}


@pytest.mark.long
def test_a_job_that_was_queued_before_a_new_export_uses_what_is_added(workspace: Workspace, voice_path: Path) -> None:
    ttsdash_json(workspace, "jobs", "pause")
    ttsdash_json(workspace, "optimize", "--model", voice_path, "--dynamic")
    ttsdash_json(workspace, "optimize", "--model", voice_path, "--optimized", "--in", "1h")
    export_again(voice_path)
    ttsdash_json(workspace, "jobs", "resume")
    with closing(open_store(workspace)) as db:
        failed = wait_for_end(db, 1)
        assert failed.error == (
            f"{voice_path} has changed since it was added: add it again (ttsdash voices add {voice_path})"
        )
        added = ttsdash_json(workspace, "voices", "add", voice_path)
        assert ttsdash_json(workspace, "jobs", "retry", 1)[0]["state"] == "queued"
        assert wait_for_end(db, 1).state == "succeeded"
        ttsdash_json(workspace, "jobs", "edit", 2, "--now")
        assert wait_for_end(db, 2).state == "succeeded"
        assert get_job(db, 2).voice == "tiny"
    made = variants(workspace)
    assert {made[name]["source_sha256"] for name in ("dynamic-int8", "optimized")} == {added["sha256"]}


def test_naming_a_voice_whose_file_has_changed_adds_it_again(workspace: Workspace, voice_path: Path) -> None:
    ttsdash_json(workspace, "voices", "add", voice_path)
    ttsdash_json(workspace, "jobs", "pause")
    export_again(voice_path)
    done = ttsdash(workspace, "optimize", "--model", "tiny", "--dynamic")
    assert done.stdout.startswith("the file of tiny has changed")
    assert ttsdash_json(workspace, "voices", "verify")["problems"] == 0


def test_a_voice_that_was_exported_again_is_named_by_a_path_that_a_shell_takes(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = write_voice(tmp_path / "my voices")
    ttsdash_json(workspace, "voices", "add", path)
    export_again(path)
    message = refused(ttsdash(workspace, "benchmark", "tiny"), 2)
    assert message == f"{path} has changed since it was added: add it again (ttsdash voices add '{path}')"


@pytest.mark.parametrize("model", ["tiny", "TINY"])
def test_a_file_or_a_folder_of_its_name_does_not_hide_a_voice(
    model: str, workspace: Workspace, voice_path: Path, tmp_path: Path
) -> None:
    ttsdash_json(workspace, "voices", "add", voice_path)
    ttsdash_json(workspace, "jobs", "pause")
    here = tmp_path / "here"
    here.mkdir()
    for make in (Path.mkdir, lambda path: (path.rmdir(), path.touch())):
        make(here / model)
        for words in (
            ("optimize", "--model", model, "--dynamic"),
            ("benchmark", model, "--in", "1h"),
            ("select", model),
            *(("voices", word, model) for word in ("show", "verify")),
        ):
            done = ttsdash(workspace, *words, cwd=here)
            assert done.returncode == 0, (words, done.stderr)
        # A path is meant by what looks like one.
        message = refused(ttsdash(workspace, "optimize", "--model", f"./{model}", "--dynamic", cwd=here), 2)
        assert message.startswith(f"{here / model} is ")
    write_voice(here, VitsShape(seed=9), "tiny")
    assert ttsdash_json(workspace, "voices", "list")[0]["path"] == str(voice_path)
    done = ttsdash(workspace, "optimize", "--model", "tiny.onnx", "--dynamic", cwd=here)
    assert done.returncode == 0, done.stderr
    assert {voice["path"] for voice in ttsdash_json(workspace, "voices", "list")} == {
        str(voice_path),
        str(here / "tiny.onnx"),
    }


def test_a_voice_is_found_by_its_name_in_another_case_wherever_it_is_named(
    workspace: Workspace, voice_path: Path, tmp_path: Path
) -> None:
    ttsdash_json(workspace, "voices", "add", voice_path)
    ttsdash_json(workspace, "jobs", "pause")
    ttsdash_json(workspace, "voices", "rename", "tiny", "WAI")
    for words in (
        ("voices", "show", "wai"),
        ("voices", "verify", "Wai"),
        ("benchmark", "wai"),
        ("optimize", "--model", "wai", "--dynamic"),
        ("select", "wai", "--policy", "measured"),
        ("results", "list", "--voice", "wai"),
        ("results", "trend", "wai"),
        ("results", "pareto", "wai"),
    ):
        done = ttsdash(workspace, *words)
        assert done.returncode == 0, (words, done.stderr)
    assert ttsdash(workspace, "voices", "rename", "wai", "Wai").stdout == "WAI is Wai now\n"
    ttsdash_json(workspace, "jobs", "cancel", "--all")
    assert ttsdash_json(workspace, "voices", "remove", "wai", "--yes")["voice"] == "Wai"


def test_what_was_added_is_said(workspace: Workspace, voice_path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy" / "bob.onnx"
    copy.parent.mkdir()
    copy.write_bytes(voice_path.read_bytes())
    config_path_of(copy).write_bytes(config_path_of(voice_path).read_bytes())
    assert ttsdash_json(workspace, "voices", "add", voice_path)["change"] == "added"
    assert ttsdash_json(workspace, "voices", "add", voice_path)["change"] == "unchanged"
    answer = ttsdash(workspace, "voices", "add", copy)
    assert answer.stdout == f"{copy} is the same model as tiny ({voice_path}), which is used instead\n"
    voice_path.unlink()
    answer = ttsdash(workspace, "voices", "add", copy)
    assert answer.stdout.splitlines()[-1] == f"tiny has moved to {copy}"


def test_verify_exits_with_1_if_a_file_is_wrong_and_2_for_an_unknown_voice(
    workspace: Workspace, voice_path: Path
) -> None:
    ttsdash_json(workspace, "voices", "add", voice_path)
    assert ttsdash(workspace, "voices", "verify").returncode == 0
    voice_path.unlink()
    done = ttsdash(workspace, "voices", "verify", "tiny", "--json")
    assert (done.returncode, json.loads(done.stdout)["files"][0]["state"]) == (1, "missing")
    assert "voice not found" in refused(ttsdash(workspace, "voices", "verify", "bob"), 2)
    # A missing file is what the advice is for.
    assert "ttsdash voices remove tiny" in ttsdash(workspace, "doctor").stdout
    assert ttsdash(workspace, "voices", "remove", "tiny", "--yes").returncode == 0


def test_a_voice_is_renamed_and_removed(workspace: Workspace, voice_path: Path) -> None:
    ttsdash_json(workspace, "voices", "add", voice_path)
    assert ttsdash(workspace, "voices", "rename", "tiny", "amy").stdout == "tiny is amy now\n"
    assert "no terminal" in refused(ttsdash(workspace, "voices", "remove", "amy"), 2)
    removed = ttsdash_json(workspace, "voices", "remove", "amy", "--yes")
    assert (removed["voice"], removed["path"], removed["removed"]) == ("amy", str(voice_path), [])
    assert voice_path.is_file()
    assert ttsdash_json(workspace, "voices", "list") == []
