"""What a check finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from core.errors import format_error


class State(StrEnum):
    """How what was checked is."""

    OK = "ok"
    NOTE = "note"
    """Something is not here, though nothing is broken."""
    PROBLEM = "problem"
    """Something should work, but does not."""


@dataclass(frozen=True)
class Finding:
    """`says` is why it is in that state; `mend` a command where there is one, else what to do."""

    check: str
    state: State
    says: str
    mend: str | None = None


def run_check(check: str, examine: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """All that an examination finds. One that fails is a problem itself, and hides neither what it found nor the others."""
    found: list[Finding] = []
    try:
        found.extend(examine())
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in one check, the others still answer
        mend = "look again; if it stays, report this line together with `ttsdash --version`"
        found.append(Finding(check, State.PROBLEM, f"this could not be looked at: {format_error(error)}", mend))
    return found
