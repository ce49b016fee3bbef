"""The commands, and how errors become one line and an exit code."""

import contextlib
import os
import sqlite3
import sys

import click

from core.errors import TtsdashError, format_error
from core.text import escape_control, truncate
from tui.cli.context import LazyGroup, session_of
from tui.signals import shutdown

_COMMANDS = {
    name: f"tui.cli.{name}"
    for name in ("apply", "benchmark", "doctor", "jobs", "optimize", "results", "select", "voices", "worker")
}


@click.group(
    cls=LazyGroup,
    lazy=_COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="ttsdash", message="ttsdash %(version)s")
@click.pass_context
def ttsdash(context: click.Context) -> None:
    """Make Piper voices smaller and faster, and measure what became of them.

    Without a command it opens the dashboard.
    """
    if context.invoked_subcommand is not None:
        return
    session = session_of(context)
    # It is drawn on standard error.
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise click.UsageError(
            f"the dashboard needs a terminal; without one there are the commands: {', '.join(_COMMANDS)}"
        )
    from tui.dashboard.launch import open_dashboard

    open_dashboard(session.workspace)


def run(arguments: list[str]) -> int:
    """Run a command, print its error as one line, and return its exit code."""
    code, error = outcome(arguments)
    if error:
        with contextlib.suppress(OSError):
            click.echo(f"ttsdash: {error}", err=True)
    _empty_buffers()
    return code


def outcome(arguments: list[str]) -> tuple[int, str]:
    """Run a command and return its exit code, 1 if it failed and 2 if it was asked wrongly, with its error as one line."""
    code, message = 0, ""
    try:
        # Not `ttsdash.main`, which ends with 1 when whoever reads has gone.
        with shutdown, ttsdash.make_context("ttsdash", arguments) as context:
            ttsdash.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        code = end.exit_code
    except click.UsageError as error:
        hint = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        code, message = 2, error.format_message() + hint
    except click.ClickException as error:
        code, message = error.exit_code, error.format_message()
    except TtsdashError as error:
        code, message = error.exit_code, str(error)
    except BrokenPipeError:
        pass  # whoever read has gone: `ttsdash jobs list | head -1`
    except SystemExit as end:
        # Rich, too, ends the program when whoever read has gone, but with 1.
        code = 0 if isinstance(end.__context__, BrokenPipeError) else int(end.code or 0)
    except (KeyboardInterrupt, click.Abort):
        code = 130
    except (sqlite3.Error, OSError) as error:
        code, message = 1, format_error(error)
    except UnicodeEncodeError as error:
        if not _is_unreadable(error.object):
            raise
        code, message = 2, f"{escape_control(truncate(error.object))} is no UTF-8: name it otherwise"
    return code, message


def _is_unreadable(text: str) -> bool:
    """Whether it is an argument or a file's name that has bytes in it which are no text here."""
    return any("\ud800" <= char <= "\udfff" for char in text)


def _empty_buffers() -> None:
    """What cannot be written goes nowhere: at exit it would fail once more, and say so."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
