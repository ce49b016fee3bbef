"""`core.settings`: the settings in a workspace's `ttsdash.yaml`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.settings import Settings, read_settings, set_assistant
from core.workspace import Workspace
from tests.core.refusals import refusal

_NAMES = "hook, idle, time_limit, memory_limit, benchmark_width, benchmark_budget, keys, assistant, assistant_voice_key"
_NO_SPAN = "is not a duration: write 30min, 2h or 1h30m"
_NO_MEMORY = "is not an amount of memory: write 800 MB or 4 GB"
_NO_SHARE = "is not a percentage: write 5 %, more than 0 and less than 100"
_NO_PATH = "is not an absolute path: write /home/me/assistant.yaml or ~/assistant.yaml"
_NO_COMMAND = "hook: write a command as one line or as a list of words"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace without settings."""
    made = Workspace(tmp_path / "workspace")
    made.prepare()
    return made


def test_without_a_file_all_settings_have_their_defaults(workspace: Workspace) -> None:
    assert read_settings(workspace) == Settings()
    assert Settings() == Settings((), 1800, 21_600, None, 0.05, 180)


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("", Settings()),
        ("\n", Settings()),
        ("# idle: 5m\n", Settings()),
        ("---\n", Settings()),
        ("{}", Settings()),
        ("hook: notify-send 'a voice' is done\n", Settings(hook=("notify-send", "a voice", "is", "done"))),
        ("hook: /usr/bin/true", Settings(hook=("/usr/bin/true",))),
        (
            "hook: [curl, -d, '@-', 'https://example.org/?a=1 2']",
            Settings(hook=("curl", "-d", "@-", "https://example.org/?a=1 2")),
        ),
        ("hook:\n  - say\n  - done\n", Settings(hook=("say", "done"))),
        ("idle: 5m", Settings(idle_s=300)),
        ("idle: 1h30m  # and no longer", Settings(idle_s=5400)),
        ("idle: '90 s'", Settings(idle_s=90)),
        ("time_limit: 2d", Settings(time_limit_s=172_800)),
        # A limit of nothing is invalid.
        ("time_limit: 0.3s", Settings(time_limit_s=1)),
        ("benchmark_width: 2.5 %", Settings(benchmark_width=0.025)),
        ("benchmark_width: 10", Settings(benchmark_width=0.1)),
        ("benchmark_budget: 10min", Settings(benchmark_budget_s=600)),
        ("memory_limit: 800 MB", Settings(memory_limit_mb=800)),
        ("memory_limit: 1.5gb", Settings(memory_limit_mb=1500)),
        ("memory_limit: 0.1 MB", Settings(memory_limit_mb=1)),
        ("assistant: /etc/assistant.yaml", Settings(assistant=Path("/etc/assistant.yaml"))),
        ("assistant: ~/assistant.yaml", Settings(assistant=Path.home() / "assistant.yaml")),
        ("\ufeffidle: 5m\r\ntime_limit: 1h\r\n", Settings(idle_s=300, time_limit_s=3600)),
        (
            "hook: say done\nidle: 1m\ntime_limit: 2m\nmemory_limit: 1 GB\n",
            Settings(("say", "done"), 60, 120, 1000),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_settings_in_the_file_override_the_defaults(workspace: Workspace, text: str, settings: Settings) -> None:
    workspace.settings_file.write_text(text, encoding="utf-8", newline="")
    assert read_settings(workspace) == settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("idel: 5m", f"unknown setting 'idel' (known: {_NAMES})"),
        ("Idle: 5m", f"unknown setting 'Idle' (known: {_NAMES})"),
        ("idle: 5m\nslots: 3", f"unknown setting 'slots' (known: {_NAMES})"),
        ("1: 5m", f"unknown setting 1 (known: {_NAMES})"),
        ("null: 5m", "unknown setting None"),
        ('"a\\nb": 5m', "unknown setting 'a\\nb'"),
        ("idle: 30", f"idle: '30' {_NO_SPAN}"),
        ("idle:", f"idle: 'None' {_NO_SPAN}"),
        ("idle: [5m]", f"idle: \"['5m']\" {_NO_SPAN}"),
        ("idle: -5m", f"idle: '-5m' {_NO_SPAN}"),
        ("idle: 0s", "idle: '0s' is out of range: give more than 0 and at most a year"),
        ("time_limit: 2000 d", "time_limit: '2000 d' is out of range"),
        ("time_limit: true", f"time_limit: 'True' {_NO_SPAN}"),
        ("memory_limit: 800", f"memory_limit: '800' {_NO_MEMORY}"),
        ("memory_limit: 80 %", f"memory_limit: '80 %' {_NO_MEMORY}"),
        ("memory_limit: 0 GB", f"memory_limit: '0 GB' {_NO_MEMORY}"),
        pytest.param(f"memory_limit: {'9' * 400} MB", _NO_MEMORY, id="more memory than a float can hold"),
        ("benchmark_width: 0", f"benchmark_width: '0' {_NO_SHARE}"),
        ("benchmark_width: 100 %", f"benchmark_width: '100 %' {_NO_SHARE}"),
        ("benchmark_width: narrow", f"benchmark_width: 'narrow' {_NO_SHARE}"),
        ("benchmark_budget: 3", f"benchmark_budget: '3' {_NO_SPAN}"),
        ("assistant: assistant.yaml", f"assistant: 'assistant.yaml' {_NO_PATH}"),
        ("assistant:", f"assistant: 'None' {_NO_PATH}"),
        ("assistant: ~nobody-at-all/x.yaml", _NO_PATH),
        ('assistant: "/a\\0b"', _NO_PATH),
        ("hook:", _NO_COMMAND),
        ("hook: ''", _NO_COMMAND),
        ("hook: []", _NO_COMMAND),
        ("hook: true", _NO_COMMAND),
        ("hook: 5", _NO_COMMAND),
        ("hook: [sleep, 5]", _NO_COMMAND),
        ("hook: {run: this}", _NO_COMMAND),
        ("hook: say 'done", f"{_NO_COMMAND} (No closing quotation)"),
        ("- idle", "write settings as `name: value`, one per line"),
        ("just some text", "write settings as `name: value`, one per line"),
        ("idle: 5m\nidle: 6m", 'line 2: not YAML (found duplicate key "idle"'),
        ("idle: [5m", "line 1: not YAML ("),
        ("\nidle: 5m\n\ttime_limit: 1h", "line 3: not YAML ("),
        ("idle: *nothing", "line 1: not YAML (found undefined alias"),
        ("idle: !!python/object/apply:os.system [true]", "line 1: not YAML (could not determine a constructor"),
        ("idle: 5m\n---\nidle: 6m", "line 2: not YAML ("),
        ("idle: 5m\x07", "not YAML (ReaderError: unacceptable character #x0007"),
        pytest.param("[" * 1000, "not YAML (RecursionError", id="nested too deep"),
    ],
)
def test_an_invalid_setting_is_refused_with_one_line_that_names_the_file(
    workspace: Workspace, text: str, expected: str
) -> None:
    workspace.settings_file.write_text(text)
    assert expected in refusal(read_settings, workspace, names=workspace.settings_file)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "assistant: /etc/a.yaml\n"),
        ("# mine\r\nidle: 5m  # short\r\n", "# mine\r\nidle: 5m  # short\r\nassistant: /etc/a.yaml\r\n"),
        ("assistant: ~/old.yaml  # ours\nidle: 5m\n", "assistant: /etc/a.yaml  # ours\nidle: 5m\n"),
    ],
    ids=["no file", "others", "another"],
)
def test_the_assistant_is_stored_and_everything_else_stays(
    workspace: Workspace, before: str | None, after: str
) -> None:
    if before is not None:
        workspace.settings_file.write_bytes(before.encode())
        workspace.settings_file.chmod(0o640)
    set_assistant(workspace, Path("/etc/a.yaml"))
    assert workspace.settings_file.read_bytes() == after.encode()
    assert workspace.settings_file.stat().st_mode & 0o777 == (0o600 if before is None else 0o640)
    assert read_settings(workspace).assistant == Path("/etc/a.yaml")
    assert [path.name for path in workspace.root.iterdir() if path.name.startswith(".")] == []


def test_settings_that_cannot_be_changed_are_left_and_reported_in_one_line(workspace: Workspace) -> None:
    workspace.settings_file.write_text("- idle\n")
    refusal(set_assistant, workspace, Path("/etc/a.yaml"), names=workspace.settings_file)
    assert workspace.settings_file.read_text() == "- idle\n"


def _folder(path: Path) -> None:
    path.mkdir()


def _not_text(path: Path) -> None:
    path.write_bytes(b"idle: \xff\xfe")


def _link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("make", "expected"),
    [(_folder, "Is a directory"), (_not_text, "UnicodeDecodeError"), (_link_to_itself, "symbolic links")],
)
def test_an_unreadable_settings_file_is_refused_too(
    workspace: Workspace, make: Callable[[Path], None], expected: str
) -> None:
    make(workspace.settings_file)
    message = refusal(read_settings, workspace, names=workspace.settings_file)
    assert message.startswith(f"cannot read {workspace.settings_file} (")
    assert expected in message
