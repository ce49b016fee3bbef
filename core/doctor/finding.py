"""The findings of the doctor's checks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from core.errors import format_error


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
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in one check, the others still run
        fix = "run the doctor again; if this persists, report this line together with the output of ttsdash --version"
        found.append(Finding(check, State.PROBLEM, f"this check failed: {format_error(error)}", fix))
    return found
