"""What all commands share: the options `--home` and `--json`, before or after the command, and the store."""

import importlib
import json
import os
import re
import shlex
import sqlite3
import sys
from functools import cached_property
from typing import Any

import click
from click_default_group import DefaultGroup

from core.store.database import open_store
from core.text import escape_control
from core.workspace import Workspace, find_workspace, network_file_system
from tui.streams import is_unicode, require_output, write_line

# What a path or a name is as an argument.
_TEXTS = (click.Path, click.types.StringParamType)


class Session:
    """One call of the program."""

    def __init__(self) -> None:
        self.home: str | None = None
        self.as_json = False

    @cached_property
    def workspace(self) -> Workspace:
        """Return the workspace, with a warning if one is going to be created on a network file system."""
        workspace = find_workspace(self.home)
        remote = None if _exists(workspace) else network_file_system(workspace.root)
        if remote:
            write_line(
                f"ttsdash: {escape_control(str(workspace.root))} is on a network file system ({remote}), where SQLite can "
                "lose data if file locks fail: better use --home DIR with a local folder",
                sys.stderr,
            )
        return workspace

    @cached_property
    def db(self) -> sqlite3.Connection:
        """Return the open store, which is closed when the command ends."""
        db = open_store(self.workspace)
        click.get_current_context().find_root().call_on_close(db.close)
        return db

    @property
    def program(self) -> str:
        """Return the command line that calls ttsdash on this workspace."""
        return f"ttsdash --home {shlex.quote(self.home)}" if self.home else "ttsdash"

    def with_home(self, fix: str) -> str:
        """Return a fix whose commands work on this workspace, also if it was named by `--home`."""
        if not self.home:
            return fix
        root = click.get_current_context().find_root()
        commands = "|".join(root.command.list_commands(root))  # type: ignore[attr-defined]
        return re.sub(rf"\bttsdash (?=(?:{commands})\b)", lambda _: f"{self.program} ", fix)

    def print_json(self, value: Any) -> None:
        """Print JSON: an object indented, an array with one line per element.

        Indenting thousands of jobs takes several times as long. JSON's own escapes stand for what cannot be encoded.
        """
        ascii_only = not is_unicode(sys.stdout)
        if isinstance(value, list):
            lines = ",\n ".join(json.dumps(element, ensure_ascii=ascii_only) for element in value)
            write_line(f"[{lines}]")
        else:
            write_line(json.dumps(value, indent=2, ensure_ascii=ascii_only))


def _exists(workspace: Workspace) -> bool:
    try:
        return workspace.data_db.exists()
    except OSError:
        return True  # the command reports what is wrong with it


def session_of(context: click.Context) -> Session:
    """Return the session of a call, created on first use."""
    root = context.find_root()
    if root.obj is None:
        root.obj = Session()
    session: Session = root.obj
    return session


pass_session = click.make_pass_decorator(Session)


def _set_home(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty: name a folder")
    if value is not None and value.startswith("-"):
        raise click.BadParameter(f"{value} is taken for its folder: name one, ./{value} if you mean it")
    if value:
        session_of(context).home = value


def _set_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        session_of(context).as_json = True


class Command(click.Command):
    """A command with the common options.

    One that only prints has failed if its output could not be written; any other has done its work nevertheless.
    """

    def __init__(self, *args: Any, only_prints: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self._only_prints = only_prints

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. A file whose name begins with a dash is not taken for options without a hint."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except (click.NoSuchOption, click.BadOptionUsage) as error:
            file = self._file_with_dash(ctx, given)
            if file is None:
                raise
            hint = f"if you mean the file, write {shlex.quote(f'./{file}')}"
            raise click.UsageError(f"{error.format_message().rstrip('.')}: {hint}", ctx) from error

    def _file_with_dash(self, ctx: click.Context, args: list[str]) -> str | None:
        """Return the argument that begins with a dash but names a file, if this command takes a path or a name."""
        params = self.get_params(ctx)
        if not any(isinstance(one, click.Argument) and isinstance(one.type, _TEXTS) for one in params):
            return None
        options = {name for one in params for name in one.opts}
        return next((arg for arg in args if arg.startswith("-") and arg not in options and os.path.lexists(arg)), None)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises OSError if it only prints, and its output could not be written."""
        try:
            return super().invoke(ctx)
        finally:
            if self._only_prints:
                require_output()

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's parameters and the common options."""
        session_of(ctx)
        return [
            *super().get_params(ctx),
            click.Option(
                ["--home"], metavar="DIR", expose_value=False, callback=_set_home, help="The workspace to use."
            ),
            click.Option(
                ["--json"], is_flag=True, expose_value=False, callback=_set_json, help="Print JSON for scripts."
            ),
        ]


class Group(Command, click.Group):
    """A group of commands with the common options."""

    command_class = Command
    group_class = type


class DefaultCommandGroup(Group, DefaultGroup):  # type: ignore[misc] # the package has no types
    """A group that runs its command `default` if none is named.

    Only options may follow the group directly: `jobs --state queued` lists jobs, `jobs frob` is refused.
    """

    def __init__(self, *args: Any, default: str, **options: Any) -> None:
        super().__init__(*args, default=default, **options)
        self._default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options of the group, and add the default command if nothing follows them."""
        if ctx.resilient_parsing:
            # A shell completes the names of all commands.
            return super().parse_args(ctx, args)
        _, rest, _ = self.make_parser(ctx).parse_args(list(args))
        # `default_if_no_args` does this for no arguments at all, not for `jobs --json`.
        return super().parse_args(ctx, args if rest else [*args, self._default])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, the default one for an option, None for an unknown name."""
        if cmd_name in self.commands or cmd_name.startswith("-"):
            command: click.Command | None = super().get_command(ctx, cmd_name)
            return command
        return None


class LazyGroup(Group):
    """A group that imports a command when it is called: `{name: "module"}`, each with a command of that name."""

    def __init__(self, *args: Any, lazy: dict[str, str], **options: Any) -> None:
        super().__init__(*args, **options)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, without importing them."""
        return sorted(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self._lazy:
            return None
        command: click.Command = getattr(importlib.import_module(self._lazy[cmd_name]), cmd_name)
        return command
