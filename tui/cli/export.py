"""`ttsdash results export` and `import`: the history, taken along."""

import contextlib
import sys
from pathlib import Path
from typing import BinaryIO

import click

from core.errors import InvalidInput
from core.export.write import FORMATS, write_file
from core.export.write import export as export_history
from core.history.names import find_voice
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line
from tui.json_output import ExportedJson, ImportedJson, imported_json
from tui.text.format import counted


@click.command(cls=Command)
@click.option(
    "--format",
    "name",
    type=click.Choice([*FORMATS]),
    metavar="F",
    help=f"{', '.join(FORMATS)}; as FILE ends without it.",
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="The file to write, or replace.")
@click.option("--voice", metavar="VOICE", help="Only this voice's.")
@pass_session
def export(session: Session, name: str | None, output: Path | None, voice: str | None) -> None:
    """Write the history: as a table (csv, md), as a report (html), or whole, to be imported elsewhere (json, jsonl)."""
    name = name or (output.suffix.removeprefix(".") if output else "")
    if name not in FORMATS:
        raise InvalidInput(f"say in which format: --format {', '.join(FORMATS)}")
    pieces = export_history(session.db, name, find_voice(session.db, voice) if voice else None)
    if output:
        write_file(output, pieces)
        _tell(session, ExportedJson(output=str(output), format=name), f"{output} is written")
        return
    with contextlib.closing(pieces):
        sys.stdout.buffer.writelines(piece.encode() for piece in pieces)


@click.command("import", cls=Command)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@pass_session
def import_(session: Session, file: Path) -> None:
    """Join the history in FILE, another machine's export as json or jsonl, to this one; - reads it from a pipe."""
    from core.export.ingest import ingest

    with _opened(file) as stream:
        done = ingest(session.db, stream, "standard input" if file == Path("-") else str(file))
    added = f"{counted(done.added, 'benchmark')} with {counted(done.results, 'result')} added"
    _tell(session, imported_json(done), f"{added}, {done.skipped} here already")


def _opened(file: Path) -> contextlib.AbstractContextManager[BinaryIO]:
    if file == Path("-"):
        return contextlib.nullcontext(sys.stdin.buffer)
    try:
        return file.expanduser().open("rb")
    except OSError as error:
        raise InvalidInput(f"cannot import {file} ({error.strerror}): name a file that ttsdash has exported") from error


def _tell(session: Session, printed: ExportedJson | ImportedJson, line: str) -> None:
    if session.as_json:
        session.print_json(printed)
    else:
        print_line(line)
