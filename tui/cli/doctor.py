"""`ttsdash doctor`: what is not well here, why, and what mends it."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import click

from core.doctor.finding import State
from jobs.doctor import examine
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line
from tui.json_output import findings_json
from tui.text.findings import count, finding_lines, summary


@click.command(cls=Command)
@click.argument("config", required=False, type=click.Path(path_type=Path))
@pass_session
def doctor(session: Session, config: Path | None) -> None:
    """Look for what is not well here, and in an assistant's CONFIG (YAML): why, and what mends it. Changes nothing."""
    found = examine(session.workspace, config)
    found = {
        area: [replace(f, mend=f.mend and _mend(f.mend, session)) for f in entries] for area, entries in found.items()
    }
    problems = count(found, State.PROBLEM)
    if session.as_json:
        session.print_json(findings_json(found, problems, count(found, State.NOTE)))
    else:
        for line in finding_lines(found):
            print_line(line)
        print_line(summary(found))
    if problems:
        raise SystemExit(1)


def _mend(mend: str, session: Session) -> str:
    """The mend with its commands for the workspace that was looked at, if that was named."""
    if not session.home:
        return mend
    root = click.get_current_context().find_root()
    commands = "|".join(root.command.list_commands(root))  # type: ignore[attr-defined]
    return re.sub(
        rf"\bttsdash (?=(?:{commands})\b)", lambda _: f"ttsdash --home {shlex.quote(session.home or '')} ", mend
    )
