"""The workspace's settings, in `ttsdash.yaml` if one likes; without the file everything is as it comes."""

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
from core.workspace import Workspace


@dataclass(frozen=True)
class Settings:
    """What can be set."""

    hook: tuple[str, ...] = ()
    """A command to run at the end of each job, with the job as JSON on its standard input."""
    idle_s: float = 30 * 60
    """After this long without a job a worker that was started by itself ends."""
    time_limit_s: int = 6 * 3600
    """A job that takes longer is ended."""
    memory_limit_mb: int | None = None
    """One whose processes take more is ended; without it 80 % of the machine's memory."""
    benchmark_width: float = 0.05
    """A benchmark goes on until the interval of each speed-up is at most this share of it wide, ..."""
    benchmark_budget_s: float = 180.0
    """... or so much time is spent."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Of the dashboard: the keys of an action that are others than by default, several with commas between."""
    assistant: Path | None = None
    """The assistant's configuration that the selection is written into."""


def read_settings(workspace: Workspace) -> Settings:
    """Raises BadInput for a file that cannot be read, a setting that there is not, or a value that cannot be."""
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
            raise InvalidInput(f"{path}: there is no setting {name!r}; there is {', '.join(_SETTINGS)}")
        field, read = _SETTINGS[name]
        try:
            given[field] = read(value)
        except ValueError as error:
            raise InvalidInput(f"{path}: {name}: {error}") from None
    return Settings(**given)


def set_assistant(workspace: Workspace, config: Path) -> None:
    """Write down which file is the assistant's configuration; all else in the settings stays. Raises BadInput."""
    from core.yaml_edit.document import Document

    path = workspace.settings_file
    try:
        before = path.read_bytes().decode() if path.exists() else ""
        replace_text(path, Document(before, str(path)).edited({"assistant": str(config)}))
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
        raise InvalidInput(f"{path}: write settings as `name: value`, one a line")
    return entries


def _command(value: Any) -> tuple[str, ...]:
    try:
        words = shlex.split(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"give a command, as one line or as a list of words ({error})") from None
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise ValueError("give a command, as one line or as a list of words")
    return tuple(words)


def _span(value: Any) -> float:
    return parse_duration(str(value))


def _share(value: Any) -> float:
    return parse_percent(str(value))


def _keys(value: Any) -> dict[str, str]:
    """As they stand there: the dashboard, which knows its actions, takes those that can be."""
    if not isinstance(value, dict):
        raise ValueError("give actions with their keys, such as `queue.cancel: x`")
    return {str(action): str(keys) for action, keys in value.items()}


def _path(value: Any) -> Path:
    with suppress(RuntimeError, TypeError):  # a user that there is not; no text
        path = Path(value).expanduser()
        if path.is_absolute() and "\0" not in value:
            return path
    raise ValueError(f"{str(value)!r} is no whole path: write /home/me/assistant.yaml or ~/assistant.yaml")


_SETTINGS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "hook": ("hook", _command),
    "idle": ("idle_s", _span),
    "time_limit": ("time_limit_s", lambda value: math.ceil(_span(value))),
    "memory_limit": ("memory_limit_mb", lambda value: math.ceil(parse_megabytes(str(value)))),
    "benchmark_width": ("benchmark_width", _share),
    "benchmark_budget": ("benchmark_budget_s", _span),
    "keys": ("keys", _keys),
    "assistant": ("assistant", _path),
}
