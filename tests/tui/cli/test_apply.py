"""`ttsdash apply` and `ttsdash voices import`: output, files and exit codes."""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from core.records.selections import CandidateStatus, Decision, Preference, Selection
from core.records.voices import Variant, Voice
from core.selection import evaluate
from core.settings import read_settings
from core.store.database import transaction
from core.store.selections import put_preference
from core.store.voices import get_voice, put_variant
from core.voices.file import config_path_of, read_voice
from core.workspace import Workspace
from tests.factories import add_voice, make_variant
from tests.running import on_a_terminal, refused, ttsdash, ttsdash_json
from tests.vits import VitsShape, write_voice
from tui.cli.app import run as run_program

Call = Callable[..., subprocess.CompletedProcess[str]]

VOICE, QUANTIZED = "models.tts.piper.voice_path", "models.tts.piper.quantized_path"
ASSISTANT = """\
models:
  tts:
    piper:
      voice_path: {path}  # the voice
      sample_rate: 22050
list:
- 'it''s
  here'
"""

KNOWN = "models: {tts: {piper: {voice_path: }}}\n"
BESIDE = "models:\n  tts:\n    piper:\n      voice: /elsewhere/x.onnx\n"
NO_KEYS = "has none of the keys that ttsdash knows (voice_path, quantized_path, coreml_path, fallback_path below models.tts.piper)"
FOREIGN = "tts:\n  rate: 1.0\n  model: /elsewhere/x.onnx\n"


@pytest.fixture
def config(voice: Voice, tmp_path: Path) -> Path:
    """An assistant's configuration next to the folder of its voice."""
    path = tmp_path / "assistant.yaml"
    path.write_text(ASSISTANT.format(path="voices/tiny.onnx"))
    return path


@pytest.fixture
def variant(db: sqlite3.Connection, voice: Voice, tmp_path: Path) -> Variant:
    """A copy of the voice as a quantized variant; the policy accepts what was not measured."""
    path = tmp_path / "made" / "static-int8.onnx"
    path.parent.mkdir()
    shutil.copyfile(voice.path, path)
    shutil.copyfile(config_path_of(Path(voice.path)), config_path_of(path))
    made = make_variant(
        voice=voice.key, path=str(path), sha256=voice.id, source_sha256=voice.id, created_at="2024-01-02T09:00:00.000Z"
    )
    with transaction(db):
        put_variant(db, voice.id, made)
        put_preference(db, voice.id, Preference("priority"))
    return made


@pytest.fixture
def call(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process, with the original selected and without loading it."""

    def decide(*_: object) -> Selection:
        decisions = (Decision("original", CandidateStatus.SELECTED, "by hand"),)
        return Selection("tiny", "priority", None, "original", "by hand", decisions)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        code = run_program([*map(str, arguments)])
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())

    monkeypatch.setenv("TTSDASH_HOME", str(workspace.root))
    monkeypatch.setattr(evaluate, "decide", decide)
    return run


def test_the_selection_is_written_and_undone(
    workspace: Workspace, db: sqlite3.Connection, config: Path, variant: Variant
) -> None:
    before = config.read_text()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    stored = workspace.data_db.read_bytes(), tables(workspace)
    looked = ttsdash(workspace, "apply", config, "--dry-run")
    assert (looked.returncode, looked.stderr, config.read_text()) == (0, "", before)
    assert (workspace.data_db.read_bytes(), tables(workspace)) == stored
    assert f"+      {QUANTIZED.rpartition('.')[2]}: {variant.path}\n" in looked.stdout
    assert "\n! the assistant loads only models.tts.piper.voice_path, which stays voices/tiny.onnx" in looked.stdout

    answer = ttsdash_json(workspace, "apply", config, "--use-selected", "--performance", "--yes")
    backup = Path(f"{config}.ttsdash-backup")
    assert set(answer) == {"config", "voice", "changes", "notes", "diff", "written", "backup"}
    assert [answer[key] for key in ("config", "voice", "written", "backup")] == [str(config), "tiny", True, str(backup)]
    assert answer["changes"][:2] == [
        {"key": VOICE, "old": "voices/tiny.onnx", "new": variant.path},
        {"key": QUANTIZED, "old": None, "new": variant.path},
    ]
    assert answer["diff"].startswith(f"--- {config}\n+++ {config}\n@@ ")
    after = config.read_text()
    assert after == (
        before.replace("voices/tiny.onnx", variant.path)
        .replace("22050\n", f"22050\n      quantized_path: {variant.path}\n")
        .rstrip("\n")
        + "\nvoice_assistant:\n  performance:\n    tts_cache_size: 100\n    tts_cache_enabled: true\n"
        "    tts_parallel_processing: true\n    tts_optimize_for_speed: true\n"
    )
    assert backup.read_text() == before
    assert selections(workspace) == [("static-int8", "apply assistant.yaml")]

    again = ttsdash(workspace, "apply", config, "--use-selected", "--performance")
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, f"{config}: nothing to change")
    undone = ttsdash(workspace, "apply", config, "--undo", "--yes")
    assert undone.stdout.splitlines()[-1] == f"{config} was restored from {backup}, which was removed"
    assert (config.read_text(), backup.exists()) == (before, False)
    assert refused(ttsdash(workspace, "apply", config, "--undo"), 1).startswith(f"no backup of {config} differs")


def tables(workspace: Workspace) -> list[str]:
    """Return the whole content of data.db."""
    with closing(sqlite3.connect(workspace.data_db)) as db:
        return list(db.iterdump())


def selections(workspace: Workspace) -> list[tuple[str, str]]:
    """Return the variant and the cause of each recorded selection."""
    with closing(sqlite3.connect(workspace.data_db)) as db:
        return list(db.execute("SELECT selected, cause FROM selections"))


def test_json_without_yes_writes_nothing(call: Call, workspace: Workspace, config: Path) -> None:
    before = config.read_text()
    answer = json.loads(call("apply", config, "--performance", "--json").stdout)
    assert (answer["written"], answer["backup"], len(answer["changes"]), config.read_text()) == (False, None, 4, before)
    assert selections(workspace) == []


@pytest.mark.parametrize("answer", ["y", "n"])
def test_on_a_terminal_it_asks_shows_colors_and_escapes_control_characters(
    answer: str, workspace: Workspace, config: Path, tmp_path: Path
) -> None:
    config = config.rename(tmp_path / "evil\x1b[2Jname.yaml")
    before = config.read_text()
    shown = on_a_terminal(workspace, f"{answer}\n", "apply", config, "--performance")
    assert "\x1b[32m+voice_assistant:\x1b[0m" in shown
    assert "\x1b[2J" not in shown
    assert f"Write this to {tmp_path}/evil\\x1b[2Jname.yaml? [y/N] " in shown
    if answer == "y":
        assert "was written; " in shown
        assert config.read_text() == before + shown_lines(shown)
    else:
        assert shown.endswith("nothing was written\r\n")
        assert config.read_text() == before


def shown_lines(shown: str) -> str:
    added = [
        line.removeprefix("\x1b[32m+").removesuffix("\x1b[0m") for line in shown.splitlines() if "\x1b[32m+" in line
    ]
    return "".join(f"{line}\n" for line in added if not line.startswith("++"))


@pytest.mark.parametrize(
    ("text", "options", "code", "expected"),
    [
        (None, [], 2, "{config} does not exist: check the path"),
        ("a: [", [], 2, "{config} is not YAML (line 1: "),
        (
            f"{KNOWN}voice_assistant: []",
            ["--performance"],
            2,
            "{config}: voice_assistant is not a mapping (line 2), so voice_assistant.perf",
        ),
        (
            KNOWN,
            ["--performance"],
            2,
            "cannot ask for confirmation without a terminal: add --yes to write, or --dry-run to show the changes",
        ),
        (KNOWN, ["--voice", "nobody"], 1, "voice not found: 'nobody' (known: tiny)"),
        (
            "a: 1",
            [],
            2,
            f"{{config}} {NO_KEYS}; no key of it holds the path of an .onnx file: set one yourself, then name it with",
        ),
        ("models: {tts: {piper: {}}}", ["--use-selected", "--yes"], 2, f"{{config}} {NO_KEYS}; no key of it holds"),
        (FOREIGN, [], 2, f"{{config}} {NO_KEYS}; say which key names the voice, with --voice-key KEY: tts.model"),
        (
            BESIDE,
            ["--voice", "tiny", "--use-selected", "--yes"],
            2,
            f"{{config}} {NO_KEYS}; say which key names the voice, with --voice-key KEY: models.tts.piper.voice",
        ),
        (
            "voices: [/x/a.onnx]\ntts.model: /x/b.onnx\n",
            [],
            2,
            f"{{config}} {NO_KEYS}; --voice-key cannot name voices[0] (in a list, line 1), 'tts.model' (under a name with "
            "a dot, line 2): write the path of a variant there yourself (ttsdash voices show VOICE has them)",
        ),
        (
            "tts.model: /x/b.onnx\n",
            ["--voice-key", "tts.model"],
            2,
            "{config}: there is no key tts.model (--voice-key cannot name 'tts.model' (under a name with a dot, line 1))",
        ),
        (
            FOREIGN,
            ["--voice-key", "tts.rate"],
            2,
            "{config}: tts.rate is 1.0, not the path of an .onnx file (keys with",
        ),
        (
            FOREIGN,
            ["--voice-key", "tts.model", "--performance"],
            2,
            "{config}: the performance keys are those of another",
        ),
        ("a: 1", ["--undo"], 1, "no backup of {config} differs from it: there is nothing to undo"),
        ("a: 1", ["--undo", "--use-selected"], 2, "--undo restores a backup: it cannot be combined with"),
    ],
)
def test_an_error_is_one_line(
    text: str | None, options: list[str], code: int, expected: str, call: Call, voice: Voice, tmp_path: Path
) -> None:
    config = tmp_path / "assistant.yaml"
    if text is not None:
        config.write_text(text)
    assert refused(call("apply", config, *options), code).startswith(expected.format(config=config))
    assert text is None or config.read_text() == text


def test_without_a_safe_place_the_values_are_printed(call: Call, voice: Voice, tmp_path: Path) -> None:
    config = tmp_path / "assistant.yaml"
    config.write_text(f"{KNOWN}a: |+\n  x\n\n\n")
    done = call("apply", config, "--performance", "--yes")
    assert done.returncode == 1
    assert "voice_assistant.performance.tts_cache_enabled: true\n" in done.stdout
    assert done.stderr.startswith(f"ttsdash: {config} was not changed: its layout leaves no safe place")


def test_the_voice_is_the_one_that_is_named_else_the_only_one(
    call: Call, db: sqlite3.Connection, tmp_path: Path
) -> None:
    config = tmp_path / "assistant.yaml"
    config.write_text(ASSISTANT.format(path="/elsewhere/x.onnx"))
    message = refused(call("apply", config, "--dry-run"), 2)
    assert (
        message == f"no voice in this workspace: import the assistant's with: ttsdash voices import --config {config}"
    )

    paths = [write_voice(tmp_path / "voices", VitsShape(seed=seed), f"v{seed}") for seed in (1, 2)]
    add_voice(db, read_voice(paths[0]))
    message = refused(call("apply", config, "--dry-run"), 2)
    assert message.endswith(f"({VOICE} is /elsewhere/x.onnx): name one with --voice: v1")
    config.write_text(KNOWN)
    answer = json.loads(call("apply", config, "--json").stdout)
    assert answer["voice"] == "v1"
    assert answer["notes"][0] == f"using v1, the only voice of this workspace: {VOICE} is not set"

    config.write_text(ASSISTANT.format(path="/elsewhere/x.onnx"))
    add_voice(db, read_voice(paths[1]))
    message = refused(call("apply", config, "--dry-run"), 2)
    assert message.endswith(f"({VOICE} is /elsewhere/x.onnx): name one with --voice: v1, v2")
    assert json.loads(call("apply", config, "--voice", "v2", "--json").stdout)["voice"] == "v2"
    config.write_text(ASSISTANT.format(path="voices/v2.onnx"))
    assert json.loads(call("apply", config, "--json").stdout)["voice"] == "v2"
    answer = json.loads(call("apply", config, "--voice", "v1", "--json").stdout)
    assert (answer["voice"], answer["notes"][0]) == ("v1", f"{config} currently names another voice: v2")


def test_the_key_that_names_the_voice_is_remembered_once_something_is_written(
    call: Call, workspace: Workspace, voice: Voice, tmp_path: Path
) -> None:
    config = tmp_path / "assistant.yaml"
    before = FOREIGN.replace("/elsewhere/x.onnx", "/elsewhere/joe.onnx  # the voice")
    config.write_text(before)
    mapped = ("--voice-key", "tts.model", "--voice", voice.key, "--use-selected")
    answer = json.loads(call("apply", config, *mapped, "--dry-run", "--json").stdout)
    assert [(change["key"], change["new"]) for change in answer["changes"]] == [("tts.model", voice.path)]
    assert read_settings(workspace).assistant_voice_key is None
    assert call("apply", config, *mapped, "--yes").returncode == 0
    assert config.read_text() == before.replace("/elsewhere/joe.onnx", voice.path)
    assert read_settings(workspace).assistant_voice_key == "tts.model"
    # Other commands know it now.
    again = call("apply", config, "--use-selected")
    assert again.stdout.splitlines()[-1] == f"{config}: nothing to change"
    assert call("voices", "import", "--config", config).returncode == 0
    assert call("apply", config, "--undo", "--yes").returncode == 0
    assert config.read_text() == before


def test_of_a_key_beside_the_known_ones_only_that_one_is_set(call: Call, voice: Voice, tmp_path: Path) -> None:
    config = tmp_path / "assistant.yaml"
    config.write_text(BESIDE)
    mapped = ("--voice-key", "models.tts.piper.voice", "--voice", voice.key, "--use-selected", "--yes")
    assert call("apply", config, *mapped).returncode == 0
    assert config.read_text() == BESIDE.replace("/elsewhere/x.onnx", voice.path)


def test_the_voice_of_an_assistant_is_imported(
    call: Call, db: sqlite3.Connection, voice_path: Path, tmp_path: Path
) -> None:
    config = tmp_path / "etc" / "assistant.yaml"
    config.parent.mkdir()
    config.write_text(ASSISTANT.format(path="voices/gone.onnx"))
    message = refused(call("voices", "import", "--config", config), 2)
    assert message.startswith(f"{VOICE} of {config}: {config.parent}/voices/gone.onnx does not exist")
    config.write_text(ASSISTANT.format(path="voices/tiny.onnx"))
    done = call("voices", "import", "--config", config)
    assert (done.returncode, done.stdout) == (0, "tiny: 0.6 MB, en_US, 1 speaker\n")
    assert get_voice(db, "tiny").path == str(voice_path)


def test_a_variant_is_not_imported(call: Call, config: Path, variant: Variant) -> None:
    config.write_text(ASSISTANT.format(path=variant.path))
    message = refused(call("voices", "import", "--config", config), 2)
    assert message.startswith(f"{VOICE} of {config} is {variant.path}, a variant made by ttsdash: static-int8 of tiny")
