"""`ttsdash voices download`: download a voice of Piper's collection, with progress on standard error."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line, print_note
from tui.cli.registering import Trial, print_registration, register
from tui.json_output import download_progress_json
from tui.streams import stop_if_unread
from tui.terminal import is_screen
from tui.text.format import megabytes

if TYPE_CHECKING:
    from core.voices.download import OnProgress

_INTERVAL_S = 0.25
# In a pipe, a line for each tenth of the file.
_STEP = 0.1


@click.command(cls=Command)
@click.argument("name", required=False)
@pass_session
def download(session: Session, name: str | None) -> None:
    """Download the voice NAME of Piper's collection and register it; without NAME, list all names.

    The files go to `voices/` in the workspace.
    """
    from core.voices.download import download as download_voice

    if name is None:
        _print_names(session)
        return
    session.workspace.prepare()
    with _progress(session, name) as on_progress:
        path = download_voice(name, session.workspace.voices, on_progress)
    # The download has tried it.
    print_registration(session, register(session, path, Trial.NONE), path)


def _print_names(session: Session) -> None:
    from core.voices.download import piper_names

    names = piper_names()
    if session.as_json:
        session.print_json(names)
    else:
        print_line("\n".join(names))


@contextmanager
def _progress(session: Session, name: str) -> "Iterator[OnProgress]":
    """Yield what shows the progress: a bar in a terminal, lines in a pipe, JSON lines with --json."""
    if session.as_json:
        yield _throttled(lambda received, total: _report(json.dumps(download_progress_json(received, total))))
    elif not is_screen(sys.stderr):
        yield _by_steps(lambda received, total: _report(f"{name}: {megabytes(received)} of {megabytes(total)} MB"))
    else:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn()
        with Progress(*columns, console=Console(file=sys.stderr)) as bar:
            task = bar.add_task(name, total=None)
            yield lambda received, total: bar.update(task, completed=received, total=total)


def _report(line: str) -> None:
    """Print progress. Raises BrokenPipeError, which ends the download, if nobody reads it any more."""
    print_note(line)
    stop_if_unread(sys.stderr)


def _throttled(report: "OnProgress") -> "OnProgress":
    """Report a few times a second, and at the end."""
    last = -_INTERVAL_S

    def on_progress(received: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= _INTERVAL_S or received == total:
            last = time.monotonic()
            report(received, total)

    return on_progress


def _by_steps(report: Callable[[int, int], None]) -> "OnProgress":
    reported = 0.0

    def on_progress(received: int, total: int | None) -> None:
        nonlocal reported
        if total and (received / total >= reported + _STEP or (received == total and reported < 1)):
            reported = received / total
            report(received, total)

    return on_progress
