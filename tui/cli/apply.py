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
from core.settings import read_settings, set_assistant_voice_key
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
@click.option(
    "--voice-key",
    metavar="KEY",
    help="The key of CONFIG that holds the voice's path, such as tts.model; remembered.",
)
@click.option("--performance", is_flag=True, help="Also set the keys for caching and speed.")
@click.option("--dry-run", is_flag=True, help="Show the changes and write nothing.")
@click.option("--yes", is_flag=True, help="Write without confirmation.")
@click.option("--undo", is_flag=True, help="Restore the newest backup.")
@pass_session
def apply(
    session: Session,
    config: Path,
    voice: str | None,
    use_selected: bool,
    voice_key: str | None,
    performance: bool,
    dry_run: bool,
    yes: bool,
    undo: bool,
) -> None:
    """Write the selection to an assistant's CONFIG (YAML). Everything else in it stays, and a backup is kept."""
    if undo and (voice or use_selected or voice_key or performance):
        raise InvalidInput(
            "--undo restores a backup: it cannot be combined with --voice, --use-selected, --voice-key or --performance"
        )
    if undo:
        proposal = propose_undo(read_file(config))
    else:
        read = load_assistant(session, config, voice_key)
        proposal = _propose(session, read, voice, use_selected, performance)
    path = proposal.file.path
    changed = proposal.changes_something
    if changed and not (dry_run or yes or session.as_json or _on_a_terminal()):
        raise InvalidInput(
            "cannot ask for confirmation without a terminal: add --yes to write, or --dry-run to show the changes"
        )
    if voice_key and not changed and not dry_run and (yes or not session.as_json):
        set_assistant_voice_key(session.workspace, voice_key)
    if session.as_json:
        backup = _write(session, proposal, voice_key) if changed and yes and not dry_run else None
        session.print_json(proposal_json(proposal, backup))
        return
    _print_proposal(proposal)
    if not changed:
        print_line(f"{path}: nothing to change")
    elif not dry_run:
        if yes or click.confirm(f"Write this to {escape_control(str(path))}?", prompt_suffix=" "):
            hint = "" if undo else f"; to undo: ttsdash apply {shlex.quote(str(path))} --undo"
            print_line(proposal.outcome(_write(session, proposal, voice_key)) + hint)
        else:
            print_line("nothing was written")


def load_assistant(session: Session, config: Path, voice_key: str | None) -> AssistantConfig:
    """Read an assistant's configuration. A given `voice_key` is checked; the settings have the default."""
    read = AssistantConfig.load(config, voice_key or read_settings(session.workspace).assistant_voice_key)
    if voice_key is not None:
        read.require_voice_key(voice_key)
    return read


def _propose(
    session: Session, config: AssistantConfig, voice: str | None, use_selected: bool, performance: bool
) -> Proposal:
    try:
        return propose_selection(session.db, config, voice, use_selected, performance=performance)
    except NoSafeEdit as error:
        if not session.as_json:
            for key, value in error.values.items():
                print_line(f"{key}: {format_scalar(value)}")
        raise


def _write(session: Session, proposal: Proposal, voice_key: str | None) -> Path:
    """Write the file, and remember the key that the user has named. Return the path of the backup."""
    if voice_key:
        set_assistant_voice_key(session.workspace, voice_key)
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
