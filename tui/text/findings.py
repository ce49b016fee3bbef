"""The doctor's findings as lines, the same on the command line and in the dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.doctor.finding import State
from tui.text.format import counted, hanging

if TYPE_CHECKING:
    from jobs.doctor import Findings

_LABELS = {State.OK: "ok", State.NOTE: "note", State.PROBLEM: "PROBLEM"}
# Where nobody looks at the width a finding stays one line.
_WIDE = 10_000


def finding_lines(found: Findings, width: int = _WIDE) -> Iterator[str]:
    """Each area with its findings: the state, what it is of, what it is, and below it the mend."""
    column = max((len(finding.check) for findings in found.values() for finding in findings), default=0)
    for area, findings in found.items():
        if not findings:
            continue
        yield area
        for finding in findings:
            yield hanging(f"  {_LABELS[finding.state]:<7}  {finding.check:<{column}}  ", finding.message, width)
            if finding.fix:
                yield hanging(f"{'':11}→ ", finding.fix, width)
        yield ""


def summary(found: Findings) -> str:
    """`1 problem, 2 notes`."""
    problems, notes = count(found, State.PROBLEM), count(found, State.NOTE)
    return f"{counted(problems, 'problem')}, {counted(notes, 'note')}"


def count(found: Findings, state: State) -> int:
    return sum(finding.state == state for findings in found.values() for finding in findings)
