"""The settings of a workspace, in the optional file `ttsdash.yaml`."""

import math
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.clock import parse_duration
from core.errors import InvalidInput, format_error
from core.files import replace_text
from core.text import parse_megabytes, parse_percent
from core.users import expand_home
from core.workspace import Workspace


@dataclass(frozen=True)
class Settings:
    """All settings with their defaults."""

    hook: tuple[str, ...] = ()
    """A command to run after each job, with the job as JSON on its standard input."""
    idle_s: float = 30 * 60
    """How long an automatically started worker waits for a job before it ends."""
    time_limit_s: int = 6 * 3600
    """The longest run time of a job."""
    memory_limit_mb: int | None = None
    """The most memory that the processes of a job may use; by default 80 % of the machine's memory."""
    benchmark_width: float = 0.05
    """A benchmark ends when the confidence interval of each speed-up is at most this wide, relative to the speed-up, ..."""
    benchmark_budget_s: float = 180.0
    """... or after this time."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """The dashboard's keys by action where they differ from the defaults, separated by commas."""
    assistant: Path | None = None
    """The assistant's configuration that selections are applied to."""
    assistant_voice_key: str | None = None
    """The key in it that holds the path of the voice, if it is not that of the assistant that ttsdash knows: `tts.model`."""


def read_settings(workspace: Workspace) -> Settings:
    """Read the settings. Raises InvalidInput for an unreadable file, an unknown setting or an invalid value."""
    path = workspace.settings_file
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read {path} ({format_error(error)})") from error
    entries = _parse(text, str(path))
    given: dict[str, Any] = {}
    for name, value in entries.items():
        if name not in _SETTINGS:
            raise InvalidInput(f"{path}: unknown setting {name!r} (known: {', '.join(_SETTINGS)})")
        field, read = _SETTINGS[name]
        try:
            given[field] = read(value)
        except ValueError as error:
            raise InvalidInput(f"{path}: {name}: {error}") from None
    return Settings(**given)


def set_assistant(workspace: Workspace, config: Path) -> None:
    """Store the path of the assistant's configuration in the settings and keep everything else. Raises InvalidInput."""
    _set(workspace, "assistant", str(config))


def set_assistant_voice_key(workspace: Workspace, key: str) -> None:
    """Store the key that holds the path of the assistant's voice, as `set_assistant` does. Raises InvalidInput."""
    _set(workspace, "assistant_voice_key", key)


def _set(workspace: Workspace, name: str, value: str) -> None:
    from core.yaml_edit.document import Document

    path = workspace.settings_file
    try:
        before = path.read_bytes().decode() if path.exists() else ""
        replace_text(path, Document(before, str(path)).with_values({name: value}))
    except (OSError, UnicodeError) as error:
        raise InvalidInput(f"cannot write {path} ({format_error(error)})") from error


def _parse(text: str, path: str) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        entries = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InvalidInput(f"{path}{line}: not YAML ({error.problem})") from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{path}: not YAML ({format_error(error)})") from error
    if entries is None:
        return {}
    if not isinstance(entries, dict):
        raise InvalidInput(f"{path}: write settings as `name: value`, one per line")
    return entries


def _command(value: Any) -> tuple[str, ...]:
    try:
        words = shlex.split(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"write a command as one line or as a list of words ({error})") from None
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise ValueError("write a command as one line or as a list of words")
    return tuple(words)


def _duration(value: Any) -> float:
    return parse_duration(str(value))


def _share(value: Any) -> float:
    return parse_percent(str(value))


def _keys(value: Any) -> dict[str, str]:
    """Return the keys unchecked: only the dashboard knows its actions."""
    if not isinstance(value, dict):
        raise ValueError("write actions with their keys, such as `queue.cancel: x`")
    return {str(action): str(keys) for action, keys in value.items()}


def _dotted_key(value: Any) -> str:
    if not isinstance(value, str) or not all(value.split(".")):
        raise ValueError(f"{str(value)!r} is not a key: write it with dots, such as tts.model")
    return value


def _path(value: Any) -> Path:
    with suppress(InvalidInput, TypeError):  # an unknown home folder; not a string
        path = expand_home(Path(value))
        if path.is_absolute() and "\0" not in value:
            return path
    raise ValueError(f"{str(value)!r} is not an absolute path: write /home/me/assistant.yaml or ~/assistant.yaml")


_SETTINGS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "hook": ("hook", _command),
    "idle": ("idle_s", _duration),
    "time_limit": ("time_limit_s", lambda value: math.ceil(_duration(value))),
    "memory_limit": ("memory_limit_mb", lambda value: math.ceil(parse_megabytes(str(value)))),
    "benchmark_width": ("benchmark_width", _share),
    "benchmark_budget": ("benchmark_budget_s", _duration),
    "keys": ("keys", _keys),
    "assistant": ("assistant", _path),
    "assistant_voice_key": ("assistant_voice_key", _dotted_key),
}
