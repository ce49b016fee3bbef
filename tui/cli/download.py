"""`ttsdash voices download`: a voice of Piper's collection, with its progress on standard error."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from core.store.voices import add_voice
from core.voices.file import read_voice
from tui.cli.added import print_added
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line
from tui.json_output import download_progress_json
from tui.text.format import megabytes

if TYPE_CHECKING:
    from core.voices.download import Tell

_TELL_S = 0.25
# In a pipe a line each time that so much more of it is here.
_STEP = 0.1


@click.command(cls=Command)
@click.argument("name", required=False)
@pass_session
def download(session: Session, name: str | None) -> None:
    """Fetch the voice NAME of Piper's collection, and register it; without NAME list what there is.

    It lands in `voices/` of the workspace.
    """
    from core.voices.download import download as fetch

    if name is None:
        _print_names(session)
        return
    session.workspace.prepare()
    with _telling(session, name) as tell:
        path = fetch(name, session.workspace.voices, tell)
    print_added(session, add_voice(session.db, read_voice(path)))


def _print_names(session: Session) -> None:
    from core.voices.download import piper_names

    names = piper_names()
    if session.as_json:
        session.print_json(names)
    else:
        print_line("\n".join(names))


@contextmanager
def _telling(session: Session, name: str) -> "Iterator[Tell]":
    """A bar in a terminal, lines in a pipe, JSON lines for a program."""
    if session.as_json:
        yield _at_times(lambda received, total: _say(json.dumps(download_progress_json(received, total))))
    elif not sys.stderr.isatty():
        yield _by_steps(lambda received, total: _say(f"{name}: {megabytes(received)} of {megabytes(total)} MB"))
    else:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn()
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(name, total=None)
            yield lambda received, total: bar.update(task, completed=received, total=total)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _at_times(tell: "Tell") -> "Tell":
    """Tells a few times a second, and the end."""
    last = -_TELL_S

    def tell_now(received: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= _TELL_S or received == total:
            last = time.monotonic()
            tell(received, total)

    return tell_now


def _by_steps(tell: Callable[[int, int], None]) -> "Tell":
    told = 0.0

    def tell_now(received: int, total: int | None) -> None:
        nonlocal told
        if total and (received / total >= told + _STEP or (received == total and told < 1)):
            told = received / total
            tell(received, total)

    return tell_now
