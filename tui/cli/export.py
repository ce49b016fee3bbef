"""`ttsdash results export` and `import`: copy the history between machines."""

import contextlib
import sys
from pathlib import Path
from typing import BinaryIO

import click

from core.errors import InvalidInput
from core.export.write import FORMATS, write_file
from core.export.write import export as export_history
from core.history.names import find_voice
from core.users import expand_home
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line
from tui.json_output import ExportedJson, ImportedJson, imported_json
from tui.streams import failure_of, require_output, write_bytes
from tui.text.format import counted


@click.command(cls=Command)
@click.option(
    "--format",
    "name",
    type=click.Choice([*FORMATS]),
    metavar="F",
    help=f"{', '.join(FORMATS)} (default: the suffix of FILE).",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The file to write or replace (default: standard output).",
)
@click.option("--voice", metavar="VOICE", help="Only results of this voice.")
@pass_session
def export(session: Session, name: str | None, output: Path | None, voice: str | None) -> None:
    """Export the history as a table (csv, md), as a report (html), or completely for `import` (json, jsonl)."""
    name = name or (output.suffix.removeprefix(".") if output else "")
    if name not in FORMATS:
        raise InvalidInput(f"unknown format: add --format {', '.join(FORMATS)}")
    chunks = export_history(session.db, name, find_voice(session.db, voice) if voice else None)
    if output:
        write_file(output, chunks)
        _print(session, ExportedJson(output=str(output), format=name), f"wrote {output}")
        return
    with contextlib.closing(chunks):
        for chunk in chunks:
            write_bytes(chunk.encode())
            if failure_of(sys.stdout):
                break
    require_output()


@click.command("import", cls=Command)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@pass_session
def import_(session: Session, file: Path) -> None:
    """Add the history in FILE, an export as json or jsonl, to this one; - reads standard input."""
    from core.export.ingest import ingest

    with _open(file) as stream:
        done = ingest(session.db, stream, "standard input" if file == Path("-") else str(file))
    added = f"added {counted(done.added, 'benchmark')} with {counted(done.results, 'result')}"
    _print(session, imported_json(done), f"{added}, skipped {done.skipped} known")


def _open(file: Path) -> contextlib.AbstractContextManager[BinaryIO]:
    if file == Path("-"):
        return contextlib.nullcontext(sys.stdin.buffer)
    try:
        return expand_home(file).open("rb")
    except OSError as error:
        raise InvalidInput(f"cannot import {file} ({error.strerror}): name an export of ttsdash") from error


def _print(session: Session, printed: ExportedJson | ImportedJson, line: str) -> None:
    if session.as_json:
        session.print_json(printed)
    else:
        print_line(line)
