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
    """Shrink and speed up Piper voices, and benchmark every variant against its original.

    Without a command, open the dashboard.
    """
    if context.invoked_subcommand is not None:
        return
    session = session_of(context)
    # It is drawn on standard error.
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise click.UsageError(f"the dashboard needs a terminal; these commands do not: {', '.join(_COMMANDS)}")
    from tui.dashboard.launch import open_dashboard

    open_dashboard(session.workspace)


def run(arguments: list[str]) -> int:
    """Run a command, print its error as one line, and return its exit code."""
    completion = os.environ.get("_TTSDASH_COMPLETE")
    if completion:
        from click.shell_completion import shell_complete

        return shell_complete(ttsdash, {}, "ttsdash", "_TTSDASH_COMPLETE", completion)
    code, error = outcome(arguments)
    if error:
        with contextlib.suppress(OSError):
            click.echo(f"ttsdash: {error}", err=True)
    _empty_buffers()
    return code


def outcome(arguments: list[str]) -> tuple[int, str]:
    """Run a command and return its exit code with its error as one line: 1 for a failure, 2 for bad usage or bad input."""
    code, message = 0, ""
    try:
        # Not `ttsdash.main`, which exits with 1 when the reader of a pipe has ended.
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
        pass  # the reader has ended: `ttsdash jobs list | head -1`
    except SystemExit as end:
        # Rich, too, exits when the reader has ended, but with 1.
        code = 0 if isinstance(end.__context__, BrokenPipeError) else int(end.code or 0)
    except (KeyboardInterrupt, click.Abort):
        code = 130
    except (sqlite3.Error, OSError) as error:
        code, message = 1, format_error(error)
    except UnicodeEncodeError as error:
        if not _is_unreadable(error.object):
            raise
        code, message = 2, f"{escape_control(truncate(error.object))} is not UTF-8: rename it"
    return code, message


def _is_unreadable(text: str) -> bool:
    """Return whether an argument or a file name has bytes that are not UTF-8."""
    return any("\ud800" <= char <= "\udfff" for char in text)


def _empty_buffers() -> None:
    """Flush the standard streams; discard what cannot be written, so that Python does not report it again at exit."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
