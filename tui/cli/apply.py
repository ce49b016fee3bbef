"""`ttsdash apply`: write the selection to an assistant's configuration."""

import os
import shlex
import sys
from pathlib import Path

import click

from core.assistant.config import AssistantConfig
from core.assistant.file import read_file
from core.assistant.proposal import Proposal, propose_selection, propose_undo
from core.errors import InvalidInput
from core.text import escape_control
from core.yaml_edit.document import NoSafeEdit
from core.yaml_edit.scalar import format_scalar
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line
from tui.json_output import proposal_json
from tui.streams import write_line
from tui.terminal import is_screen

_COLORS = {"+": "green", "-": "red", "@": "cyan"}


@click.command(cls=Command)
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--voice", metavar="VOICE", help="The voice, if CONFIG does not name it.")
@click.option("--use-selected", is_flag=True, help="Make the assistant load the selected variant: also set voice_path.")
@click.option("--dry-run", is_flag=True, help="Show the changes and write nothing.")
@click.option("--yes", is_flag=True, help="Write without confirmation.")
@click.option("--undo", is_flag=True, help="Restore the newest backup.")
@pass_session
def apply(
    session: Session, config: Path, voice: str | None, use_selected: bool, dry_run: bool, yes: bool, undo: bool
) -> None:
    """Write the selection to an assistant's CONFIG (YAML). Everything else in it stays, and a backup is kept."""
    if undo and (voice or use_selected):
        raise InvalidInput("--undo restores a backup: it cannot be combined with --voice or --use-selected")
    proposal = propose_undo(read_file(config)) if undo else _propose(session, config, voice, use_selected)
    path = proposal.file.path
    changed = proposal.changes_something
    if changed and not (dry_run or yes or session.as_json or _on_a_terminal()):
        raise InvalidInput(
            "cannot ask for confirmation without a terminal: add --yes to write, or --dry-run to show the changes"
        )
    if session.as_json:
        backup = _write(session, proposal) if changed and yes and not dry_run else None
        session.print_json(proposal_json(proposal, backup))
        return
    _print_proposal(proposal)
    if not changed:
        print_line(f"{path}: nothing to change")
    elif not dry_run:
        if yes or click.confirm(f"Write this to {escape_control(str(path))}?", prompt_suffix=" "):
            hint = "" if undo else f"; to undo: ttsdash apply {shlex.quote(str(path))} --undo"
            print_line(proposal.outcome(_write(session, proposal)) + hint)
        else:
            print_line("nothing was written")


def _propose(session: Session, config: Path, voice: str | None, use_selected: bool) -> Proposal:
    try:
        return propose_selection(session.db, AssistantConfig.load(config), voice, use_selected)
    except NoSafeEdit as error:
        if not session.as_json:
            for key, value in error.values.items():
                print_line(f"{key}: {format_scalar(value)}")
        raise


def _write(session: Session, proposal: Proposal) -> Path:
    return proposal.write(session.db if proposal.evaluation else None)


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _print_proposal(proposal: Proposal) -> None:
    colored = is_screen(sys.stdout) and not os.environ.get("NO_COLOR")
    for line in proposal.diff:
        color = _COLORS.get(line[:1]) if colored else None
        write_line(click.style(escape_control(line), fg=color) if color else escape_control(line))
    for note in proposal.plan.notes:
        print_line(f"! {note}")
