"""`ttsdash apply`: what was selected, written into an assistant's configuration."""

import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from core.assistant.changes import Change, Plan, make_plan, problems_of
from core.assistant.diff import unified_diff
from core.assistant.document import Document, NotPlaced
from core.assistant.file import ConfigFile, newest_backup, read_file, restore, write_file
from core.assistant.keys import ALL, FALLBACK_PATH, VOICE_PATH
from core.assistant.scalar import written
from core.assistant.voice import located, variant_at
from core.errors import BadInput
from core.store.voices import Voice, get_voice, list_voices
from core.text import printable
from tui.cli.session import Command, Session, pass_session
from tui.cli.tables import print_line

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True)
class _Proposal:
    """What is to be written, and what its reader needs to know."""

    file: ConfigFile
    content: bytes
    write: Callable[[], Path]
    """Returns the backup."""
    outcome: Callable[[Path], str]
    """The line that says what was done, given the backup."""
    voice: str | None
    plan: Plan

    @property
    def diff(self) -> list[str]:
        old, new = (content.decode(errors="replace") for content in (self.file.content, self.content))
        return unified_diff(old, new, str(self.file.path))


@click.command(cls=Command)
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--voice", metavar="VOICE", help="The voice, where CONFIG does not tell it.")
@click.option("--use-selected", is_flag=True, help="Have the assistant load the selected variant: set voice_path, too.")
@click.option("--dry-run", is_flag=True, help="Show what would be changed, and write nothing.")
@click.option("--yes", is_flag=True, help="Write without asking.")
@click.option("--undo", is_flag=True, help="Put back what the newest backup holds.")
@pass_session
def apply(
    session: Session, config: Path, voice: str | None, use_selected: bool, dry_run: bool, yes: bool, undo: bool
) -> None:
    """Write what was selected into an assistant's CONFIG (YAML); all else in it stays, and so does a backup."""
    if undo and (voice or use_selected):
        raise BadInput("--undo puts a backup back: it takes neither --voice nor --use-selected")
    file = read_file(config)
    proposal = _undoing(file) if undo else _applying(session, file, voice, use_selected)
    changed = proposal.content != file.content
    if changed and not (dry_run or yes or session.as_json or _on_a_terminal()):
        raise BadInput("there is no terminal to ask on: add --yes to write, or --dry-run to look only")
    if session.as_json:
        backup = proposal.write() if changed and yes and not dry_run else None
        _print_json(session, proposal, backup)
        return
    _print_proposal(proposal)
    if not changed:
        print_line(f"{file.path}: nothing to change")
    elif not dry_run:
        if yes or click.confirm(f"Write this to {printable(str(file.path))}?", prompt_suffix=" "):
            print_line(proposal.outcome(proposal.write()))
        else:
            print_line("nothing was written")


def _applying(session: Session, file: ConfigFile, wanted: str | None, use_selected: bool) -> _Proposal:
    from core.selection.refresh import select_now

    document = Document(file.text, str(file.path))
    current = {key: document.value(key) for key in ALL}
    voice, notes = _find_voice(session, file, current[VOICE_PATH] or document.value(FALLBACK_PATH), wanted)
    selection = select_now(session.db, voice.key, f"apply {file.path.name}")
    plan = make_plan(voice, selection, problems_of(voice), current, file.path.parent, use_selected)
    plan = Plan(plan.changes, (*notes, *plan.notes))
    try:
        content = document.edited({change.key: change.new for change in plan.changes}).encode()
    except NotPlaced:
        if not session.as_json:
            _print_changes(plan.changes)
        raise
    undo = f"ttsdash apply {shlex.quote(str(file.path))} --undo"
    return _Proposal(
        file,
        content,
        lambda: write_file(file, content),
        lambda backup: f"{file.path} is written; {backup} holds what it was; undo: {undo}",
        voice.key,
        plan,
    )


def _undoing(file: ConfigFile) -> _Proposal:
    backup = newest_backup(file)

    def write() -> Path:
        restore(file, backup)
        return backup.path

    return _Proposal(
        file,
        backup.content,
        write,
        lambda path: f"{file.path} is as it was; {path}, which held that, is removed",
        None,
        Plan((), ()),
    )


def _find_voice(
    session: Session, file: ConfigFile, voice_path: object, wanted: str | None
) -> tuple[Voice, tuple[str, ...]]:
    """The voice that is named, else the one that the configuration names, else the only one; and what to say of that."""
    if wanted is not None:
        return get_voice(session.db, wanted), ()
    voices = list_voices(session.db)
    path = located(voice_path, file.path.parent)
    found = variant_at(voices, path) if path else None
    if found:
        return found[0], ()
    says = f"{VOICE_PATH} is {path or 'not set'}"
    if not voices:
        raise BadInput(f"no voice here: add the assistant's with `ttsdash voices import --config {file.path}`")
    if len(voices) > 1 or path:
        known = ", ".join(voice.key for voice in voices)
        raise BadInput(f"{file.path} tells no voice of this workspace ({says}): say which with --voice: {known}")
    return voices[0], (f"taken for {voices[0].key}, the only voice here: {says}",)


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _print_proposal(proposal: _Proposal) -> None:
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for line in proposal.diff:
        colour = _COLOURS.get(line[:1]) if coloured else None
        click.echo(click.style(printable(line), fg=colour) if colour else printable(line))
    for note in proposal.plan.notes:
        print_line(f"! {note}")


def _print_changes(changes: tuple[Change, ...]) -> None:
    for change in changes:
        print_line(f"{change.key}: {written(change.new)}")


def _print_json(session: Session, proposal: _Proposal, backup: Path | None) -> None:
    session.print_json(
        {
            "config": str(proposal.file.path),
            "voice": proposal.voice,
            "changes": [asdict(change) for change in proposal.plan.changes],
            "notes": list(proposal.plan.notes),
            "diff": "".join(f"{line}\n" for line in proposal.diff),
            "written": backup is not None,
            "backup": str(backup) if backup else None,
        }
    )
