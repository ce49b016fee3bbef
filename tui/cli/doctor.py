"""`ttsdash doctor`: what is not well here, why, and what mends it."""

import re
import shlex
from dataclasses import asdict, replace
from pathlib import Path

import click

from jobs.doctor import Findings, examine
from tui.cli.session import Command, Session, pass_session
from tui.cli.tables import print_line
from tui.formats import counted

_LABELS = {"ok": "ok", "note": "note", "problem": "PROBLEM"}


@click.command(cls=Command)
@click.argument("config", required=False, type=click.Path(path_type=Path))
@pass_session
def doctor(session: Session, config: Path | None) -> None:
    """Look for what is not well here, and in an assistant's CONFIG (YAML): why, and what mends it. Changes nothing."""
    found = examine(session.workspace, config)
    found = {
        area: [replace(f, mend=f.mend and _mend(f.mend, session)) for f in entries] for area, entries in found.items()
    }
    states = [finding.state for findings in found.values() for finding in findings]
    problems, notes = states.count("problem"), states.count("note")
    if session.as_json:
        findings = [{"area": area} | asdict(finding) for area, entries in found.items() for finding in entries]
        session.print_json({"findings": findings, "problems": problems, "notes": notes})
    else:
        _print_findings(found)
        print_line(f"{counted(problems, 'problem')}, {counted(notes, 'note')}")
    if problems:
        raise SystemExit(1)


def _print_findings(found: Findings) -> None:
    width = max(len(finding.check) for findings in found.values() for finding in findings)
    for area, findings in found.items():
        if findings:
            print_line(area)
        for finding in findings:
            print_line(f"  {_LABELS[finding.state]:<7}  {finding.check:<{width}}  {finding.says}")
            if finding.mend:
                print_line(f"{'':11}→ {finding.mend}")
        print_line()


def _mend(mend: str, session: Session) -> str:
    """The mend with its commands for the workspace that was looked at, if that was named."""
    if not session.home:
        return mend
    root = click.get_current_context().find_root()
    commands = "|".join(root.command.list_commands(root))  # type: ignore[attr-defined]
    return re.sub(
        rf"\bttsdash (?=(?:{commands})\b)", lambda _: f"ttsdash --home {shlex.quote(session.home or '')} ", mend
    )
