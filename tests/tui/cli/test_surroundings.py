"""What surrounds a command, to whole processes: the locale, the home folder, the terminal, where its output goes."""

import json
import os
import pty
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest

from core.records.job_states import JobState
from core.store.database import open_store
from core.store.jobs import count_jobs, list_jobs
from core.store.voices import get_voice, list_voices
from core.voices.file import read_voice
from core.workspace import Workspace
from tests.factories import add_voice
from tests.running import COMMAND, environment
from tests.tui.cli.calls import CALLS, used, words_of
from tests.vits import VitsShape, write_voice
from tui.cli.app import ttsdash

__all__ = ["used"]

NAME = "é-Ж"
# Without these, Python takes the locale C for one in UTF-8.
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LOCALES = {
    "ascii": C_LOCALE,
    # Not every machine has a locale in Latin-1.
    "latin-1": C_LOCALE | {"PYTHONIOENCODING": "latin-1:strict"},
    "utf-8": {"LC_ALL": "C.UTF-8"},
}
# They report what they find by their exit code.
FINDING = ("doctor", "results check")
# They find nothing to do the second time.
ONCE = ("jobs cancel", "jobs retry")
NO_ACCOUNT = """
import pwd
def getpwuid(uid):
    raise KeyError(uid)
pwd.getpwuid = getpwuid
"""


@pytest.fixture
def abroad(used: Workspace) -> Workspace:
    """Return the workspace `used` with a voice whose name and folder are not in ASCII."""
    with closing(open_store(used)) as db:
        add_voice(db, read_voice(write_voice(Path("vö"), VitsShape(speakers=2), NAME)))
    return used


@pytest.fixture
def homeless(tmp_path: Path) -> dict[str, str]:
    """Return the environment of `docker run --user 12345`: neither HOME nor an account."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "sitecustomize.py").write_text(NO_ACCOUNT)
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("HOME", "XDG_", "TTSDASH_"))}
    return variables | {"PYTHONPATH": str(tmp_path / "modules")}


def run(variables: dict[str, str], *words: str | bytes, to: str = "") -> subprocess.CompletedProcess[bytes]:
    """Run a command, with its output redirected by a shell."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {to}', "sh", *COMMAND, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=variables,
        timeout=120,
        check=False,
    )


def localized(workspace: Workspace, name: str) -> dict[str, str]:
    inherited = {
        name: value for name, value in environment(workspace).items() if not name.startswith(("LC_", "PYTHON"))
    }
    return inherited | LOCALES[name]


def commands(group: click.Group, context: click.Context, *names: str) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, click.Context(command, parent=context), *names, name)
        else:
            yield " ".join((*names, name))


def test_each_command_is_called_here() -> None:
    assert set(commands(ttsdash, click.Context(ttsdash))) == set(CALLS)


# Locales


@pytest.mark.parametrize("command", sorted(CALLS.keys() - {"worker run"}))
def test_a_command_succeeds_in_a_locale_without_its_characters(command: str, abroad: Workspace) -> None:
    for name in ("ascii",) if command in ONCE else ("ascii", "latin-1"):
        done = run(localized(abroad, name), *words_of(f"{command} {CALLS[command]}"))
        shown = done.stdout + done.stderr
        assert done.returncode == 0 or (command in FINDING and done.returncode == 1), (name, shown)
        assert b"Traceback" not in shown, name
        assert b"\\u2500" not in shown, name
        # Exports are files in UTF-8, wherever they are written.
        assert command == "results export" or name != "ascii" or shown.isascii(), shown


def test_tables_are_aligned_and_drawn_with_what_the_encoding_has(abroad: Workspace) -> None:
    lines = {name: run(localized(abroad, name), "voices", "list").stdout.decode(name).splitlines() for name in LOCALES}
    assert {name: set(printed[1]) for name, printed in lines.items()} == {
        "ascii": {"-"},
        "latin-1": {"-"},
        "utf-8": {"─"},
    }
    for name, shown in (("ascii", r"\xe9-\u0416"), ("latin-1", r"é-\u0416"), ("utf-8", NAME)):
        row = next(line for line in lines[name] if line.startswith(shown))
        assert row.index("en_US") == lines[name][0].index("language")


def test_json_is_the_same_in_every_locale(abroad: Workspace) -> None:
    printed = [run(localized(abroad, name), "voices", "list", "--json").stdout for name in LOCALES]
    voices = [json.loads(text) for text in printed]
    assert voices[0] == voices[1] == voices[2]
    assert NAME in [voice["voice"] for voice in voices[0]]


@pytest.mark.parametrize("name", ["ascii", "latin-1"])
def test_a_path_is_the_same_in_every_locale(name: str, workspace: Workspace, tmp_path: Path) -> None:
    path = write_voice(tmp_path / "vö", name=NAME)
    assert run(localized(workspace, name), "voices", "add", str(path)).returncode == 0
    with closing(open_store(workspace)) as db:
        assert [voice.path for voice in list_voices(db)] == [str(path)]


def test_jobs_that_succeeded_are_not_failed_by_what_is_printed_of_them(workspace: Workspace, tmp_path: Path) -> None:
    path = write_voice(tmp_path / "vö", name=NAME)
    done = run(localized(workspace, "ascii"), "optimize", "--model", str(path), "--dynamic", "--wait")
    assert done.returncode == 0, done.stderr
    assert b"dynamic-int8, \\xe9-\\u0416: succeeded" in done.stderr


@pytest.mark.parametrize("name", ["ascii", "latin-1"])
def test_a_command_that_the_doctor_advises_can_be_pasted_after_what_a_note_names(name: str, abroad: Workspace) -> None:
    with closing(open_store(abroad)) as db:
        (voice,) = (voice for voice in list_voices(db) if voice.key == NAME)
    Path(voice.path).unlink()
    variables = localized(abroad, name)

    def shell(line: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["sh", "-c", f'ttsdash() {{ {shlex.join(COMMAND)} "$@"; }}; {line}'],
            capture_output=True,
            env=variables,
            timeout=120,
            check=False,
        )

    note = shell("ttsdash doctor").stderr.decode()
    assert note.count("\n") == 1
    prepare = note.split("`")[1]
    shown = shell(f"{prepare}; ttsdash doctor")
    assert shown.stderr == b""
    advice = next(line for line in shown.stdout.splitlines() if b"voices remove" in line).decode()
    command = f"ttsdash voices remove {shlex.quote(NAME)}"
    assert command in advice
    done = shell(f"{prepare}; {command} --yes")
    assert done.returncode == 0, done.stderr
    with closing(open_store(abroad)) as db:
        assert NAME not in [voice.key for voice in list_voices(db)]


def test_an_error_with_an_escape_stays_one_line_that_names_the_way_to_see_it(abroad: Workspace) -> None:
    done = run(localized(abroad, "ascii"), "voices", "show", "no-Ж")
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1), done.stderr
    assert b"ASCII lacks what is shown as an escape" in done.stderr
    assert b"escape" not in run(localized(abroad, "utf-8"), "voices", "show", "no-Ж").stderr


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "cp037"])
def test_a_voice_is_added_and_optimized_whatever_encoding_the_streams_have(
    encoding: str, workspace: Workspace, voice_path: Path
) -> None:
    variables = environment(workspace) | {"PYTHONIOENCODING": encoding}
    added = run(variables, "voices", "add", str(voice_path))
    assert added.returncode == 0, added.stderr.decode(encoding)
    assert added.stdout.decode(encoding).startswith("tiny: ")
    done = run(variables, "optimize", "--model", "tiny", "--dynamic", "--wait")
    assert done.returncode == 0, done.stderr.decode(encoding)
    assert "dynamic-int8, tiny: succeeded" in done.stderr.decode(encoding)


def test_arguments_are_read_as_the_terminal_encodes_them(abroad: Workspace) -> None:
    with closing(open_store(abroad)) as db:
        add_voice(db, read_voice(write_voice(Path("voices"), VitsShape(speakers=3), "é")))
    variables = localized(abroad, "latin-1")
    assert [run(variables, "voices", "show", name).returncode for name in (b"\xe9", "é".encode())] == [0, 0]


def test_a_name_that_is_no_text_is_refused_in_one_line_in_every_locale(abroad: Workspace, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/na\xefve.onnx"
    write_voice(tmp_path).rename(os.fsdecode(path))
    (tmp_path / "tiny.onnx.json").rename(os.fsdecode(path + b".json"))
    for name in LOCALES:
        done = run(localized(abroad, name), "voices", "add", path)
        assert (done.returncode, done.stderr.count(b"\n")) == (2, 1), done.stderr
        assert b"na\\udcefve" in done.stderr


# Output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_what_a_command_has_done_is_done_if_its_output_cannot_be_written(
    workspace: Workspace, voice_path: Path
) -> None:
    done = run(environment(workspace), "voices", "add", str(voice_path), to=">/dev/full")
    assert done.returncode == 0
    assert done.stderr == b"ttsdash: done, but its output could not be written (No space left on device)\n"
    done = run(environment(workspace), "optimize", "--model", "tiny", "--all", "--in", "1h", to=">/dev/full 2>&1")
    assert done.returncode == 0
    with closing(open_store(workspace)) as db:
        assert get_voice(db, "tiny").path == str(voice_path)
        assert count_jobs(db)[JobState.QUEUED] >= 4


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_command_that_only_prints_fails_if_its_output_cannot_be_written(used: Workspace) -> None:
    for call in ("voices list", "jobs logs 1", "results list --json", "results export --format csv", "worker status"):
        done = run(environment(used), *call.split(), to=">/dev/full")
        assert done.returncode == 1, call
        assert done.stderr == b"ttsdash: No space left on device: free some disk space, then try again\n"


def test_a_reader_that_has_gone_does_not_keep_jobs_from_being_queued(workspace: Workspace, voice_path: Path) -> None:
    words = [*COMMAND, "optimize", "--model", str(voice_path), "--all", "--in", "1h"]
    reader, writer = os.pipe()
    os.close(reader)
    assert subprocess.run(words, stdout=writer, env=environment(workspace), timeout=120, check=False).returncode == 0
    os.close(writer)
    with closing(open_store(workspace)) as db:
        assert len(list_jobs(db)) >= 4


# Home folders


@pytest.mark.parametrize("command", sorted(CALLS.keys() - {"worker run", "worker uninstall"}))
def test_a_command_needs_no_home_folder_but_a_workspace(
    command: str, homeless: dict[str, str], used: Workspace
) -> None:
    words = words_of(f"{command} {CALLS[command]}")
    done = run(homeless, *words, "--home", str(used.root))
    assert done.returncode == 0 or (command in FINDING and done.returncode == 1), done.stderr
    if CALLS[command] == "--help":
        return
    refused = run(homeless, *words)
    assert refused.returncode == 2, refused.stderr
    line = f"your home folder is unknown (HOME is not set, and uid {os.getuid()} has no account): use --home DIR"
    assert refused.stderr.decode() == f"ttsdash: {line}\n"


def test_a_service_needs_a_home_folder_and_names_what_does_not(homeless: dict[str, str], used: Workspace) -> None:
    for action in ("install", "uninstall"):
        done = run(homeless, "worker", action, "--home", str(used.root))
        assert (done.returncode, done.stderr.count(b"\n")) == (2, 1), done.stderr
        assert b"HOME is not set" in done.stderr
        assert b"ttsdash worker start" in done.stderr


# Terminals


def on_a_terminal(variables: dict[str, str], *words: str) -> tuple[int, bytes]:
    """Run a command on a terminal, and return its exit code with what it shows."""
    ours, its = pty.openpty()
    process = subprocess.Popen([*COMMAND, *words], stdin=its, stdout=its, stderr=its, env=variables)
    os.close(its)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    return process.wait(60), shown


@pytest.mark.parametrize("name", ["dumb", "unknown", "", None])
def test_the_dashboard_needs_a_terminal_that_can_move_its_cursor(name: str | None, used: Workspace) -> None:
    variables = {key: value for key, value in environment(used).items() if key != "TERM"}
    code, shown = on_a_terminal(variables if name is None else variables | {"TERM": name})
    assert code == 2
    assert shown.startswith(b"ttsdash: the dashboard needs a terminal that can move its cursor")
    assert (shown.count(b"\n"), b"\x1b" in shown) == (1, False)
    code, shown = on_a_terminal(variables | ({"TERM": name} if name else {}), "jobs", "list")
    assert (code, b"\x1b" in shown) == (0, False)


@pytest.mark.parametrize(
    ("variables", "advice"),
    [
        (C_LOCALE, "`PYTHONUTF8=1 ttsdash --home {home}`"),
        (C_LOCALE | {"PYTHONIOENCODING": "latin-1"}, "`env -u PYTHONIOENCODING PYTHONUTF8=1 ttsdash --home {home}`"),
        ({"PYTHONIOENCODING": "ascii"}, "`env -u PYTHONIOENCODING PYTHONUTF8=1 ttsdash --home {home}`"),
    ],
)
def test_the_dashboard_needs_utf_8_and_names_the_command_for_it(
    variables: dict[str, str], advice: str, used: Workspace
) -> None:
    inherited = localized(used, "utf-8") | {"TERM": "xterm"}
    code, shown = on_a_terminal(inherited | variables, "--home", str(used.root))
    assert (code, shown.count(b"\n")) == (2, 1)
    assert advice.format(home=used.root) in shown.decode()
    assert re.search(rb"a locale in UTF-8, not in (ASCII|ISO8859-1):", shown)
