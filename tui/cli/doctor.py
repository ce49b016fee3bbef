"""`ttsdash doctor`: find problems, with the reason and the fix for each."""

from dataclasses import replace
from pathlib import Path

import click

from core.doctor.finding import Finding, State
from jobs.doctor import diagnose
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line
from tui.json_output import findings_json
from tui.text.findings import count, finding_lines, summary


@click.command(cls=Command, only_prints=True)
@click.argument("config", required=False, type=click.Path(path_type=Path))
@pass_session
def doctor(session: Session, config: Path | None) -> None:
    """Check the machine, the workspace, the voices and an assistant's CONFIG (YAML). Changes nothing."""
    found = {
        area: [_for_workspace(finding, session) for finding in findings]
        for area, findings in diagnose(session.workspace, config).items()
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


def _for_workspace(finding: Finding, session: Session) -> Finding:
    """Add --home to the commands of a fix if the workspace was named that way."""
    return replace(finding, fix=finding.fix and session.with_home(finding.fix))
