"""The findings of the doctor's checks."""

import os
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from core.errors import TtsdashError, format_error
from core.users import closed_folder, why_closed


class State(StrEnum):
    """The result of a check."""

    OK = "ok"
    NOTE = "note"
    """Something is missing or could be better, but nothing is broken."""
    PROBLEM = "problem"
    """Something that should work does not."""


@dataclass(frozen=True)
class Finding:
    """What a check found, and how to fix it: a command if there is one."""

    check: str
    state: State
    message: str
    fix: str | None = None


def run_check(check: str, produce: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Return the findings of a check. If it fails, that is one more finding: neither earlier ones nor other checks are lost."""
    found: list[Finding] = []
    try:
        found.extend(produce())
    except OSError as error:
        # The folders and files that are checked are the user's: nothing to report.
        found.append(Finding(check, State.PROBLEM, *_unreadable(error)))
    except TtsdashError as error:
        found.append(Finding(check, State.PROBLEM, str(error)))
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in one check, the others still run
        fix = "run the doctor again; if this persists, report this line together with the output of ttsdash --version"
        found.append(Finding(check, State.PROBLEM, f"this check failed: {format_error(error)}", fix))
    return found


def _unreadable(error: OSError) -> tuple[str, str | None]:
    """Return why something cannot be checked, and a command that shows who may read it, if that is known."""
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
    closed = closed_folder(path) if path else None
    why = why_closed(path) if path else None
    fix = shlex.join(["ls", "-ld", str(closed or path)]) if path else None
    return f"it cannot be checked: {why or format_error(error)}", fix
