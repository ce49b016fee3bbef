"""The commands, and how errors become one line and an exit code."""

import os
import sqlite3
import sys

import click

from core.errors import TtsdashError, format_error
from core.text import escape_control, truncate
from tui.cli.context import LazyGroup, Session, session_of
from tui.signals import shutdown
from tui.streams import encoding_name, failure_of, note_on_escapes, write_line
from tui.terminal import can_move_cursor

_COMMANDS = {
    name: f"tui.cli.{name}"
    for name in (
        "apply",
        "benchmark",
        "doctor",
        "jobs",
        "optimize",
        "results",
        "select",
        "serve",
        "speak",
        "voices",
        "worker",
    )
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
    _require_screen(session)
    from tui.dashboard.launch import open_dashboard

    open_dashboard(session.workspace)


def _require_screen(session: Session) -> None:
    """Refuse to open the dashboard where it cannot be drawn. Raises UsageError."""
    others = f"these commands do not: {', '.join(_COMMANDS)}"
    # It is drawn on standard error.
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise click.UsageError(f"the dashboard needs a terminal; {others}")
    if not can_move_cursor():
        name = os.environ.get("TERM")
        kind = f"TERM={escape_control(name)}" if name else "a terminal without a name in TERM"
        raise click.UsageError(f"the dashboard needs a terminal that can move its cursor, not {kind}; {others}")
    encoding = encoding_name(sys.stderr)
    if encoding != "UTF-8":
        unset = "-u PYTHONIOENCODING " if "PYTHONIOENCODING" in os.environ else ""
        command = f"{f'env {unset}' if unset else ''}PYTHONUTF8=1 {session.program}"
        raise click.UsageError(
            f"the dashboard needs a terminal and a locale in UTF-8, not in {encoding}: if your terminal shows UTF-8, run "
            f"`{command}`; {others}"
        )


def run(arguments: list[str]) -> int:
    """Run a command, print its error as one line, and return its exit code."""
    completion = os.environ.get("_TTSDASH_COMPLETE")
    if completion:
        from click.shell_completion import shell_complete

        return shell_complete(ttsdash, {}, "ttsdash", "_TTSDASH_COMPLETE", completion)
    code, error = outcome(arguments)
    _print_end(error)
    return code


def _print_end(error: str) -> None:
    """Print an error, if there is one, and on the same line how to see what the encoding lacks."""
    note = note_on_escapes(error)
    if error:
        write_line(f"ttsdash: {error}{f' ({note})' if note else ''}", sys.stderr)
    elif note:
        write_line(f"ttsdash: {note}", sys.stderr)


def outcome(arguments: list[str]) -> tuple[int, str]:
    """Run a command and return its exit code with its error as one line: 1 for a failure, 2 for bad usage or bad input."""
    code, message = 0, ""
    try:
        # Not `ttsdash.main`, which exits with 1 when the reader of a pipe has ended.
        with shutdown, ttsdash.make_context("ttsdash", arguments) as context:
            ttsdash.invoke(context)
            message = _lost_output()
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


def _lost_output() -> str:
    """Return a warning if a command has done its work, but its output could not be written."""
    sys.stdout.flush()
    failure = failure_of(sys.stdout)
    if failure is None or isinstance(failure, BrokenPipeError):
        return ""
    return f"done, but its output could not be written ({failure.strerror})"
