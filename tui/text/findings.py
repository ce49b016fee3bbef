"""The findings of the doctor as lines, shared by the command line and the dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.doctor.finding import State
from tui.text.format import counted, hanging_indent

if TYPE_CHECKING:
    from jobs.doctor import Findings

_LABELS = {State.OK: "ok", State.NOTE: "note", State.PROBLEM: "PROBLEM"}
# Keeps a finding on one line in pipes and files.
_WIDE = 10_000


def finding_lines(found: Findings, width: int = _WIDE) -> Iterator[str]:
    """Yield each area with its findings: state, check and message, with the fix on the next line."""
    column = max((len(finding.check) for findings in found.values() for finding in findings), default=0)
    for area, findings in found.items():
        if not findings:
            continue
        yield area
        for finding in findings:
            yield hanging_indent(f"  {_LABELS[finding.state]:<7}  {finding.check:<{column}}  ", finding.message, width)
            if finding.fix:
                yield hanging_indent(f"{'':11}→ ", finding.fix, width)
        yield ""


def summary(found: Findings) -> str:
    """Return `1 problem, 2 notes`."""
    problems, notes = count(found, State.PROBLEM), count(found, State.NOTE)
    return f"{counted(problems, 'problem')}, {counted(notes, 'note')}"


def count(found: Findings, state: State) -> int:
    """Count the findings in a state."""
    return sum(finding.state == state for findings in found.values() for finding in findings)
