"""What all commands share: `--home` and `--json`, taken before or after the command, and the store they lead to."""

import importlib
import json
import shlex
import sqlite3
from functools import cached_property
from typing import Any

import click

from core.store.database import open_store
from core.workspace import Workspace, find_workspace, network_file_system


class Session:
    """One call of the program."""

    def __init__(self) -> None:
        self.home: str | None = None
        self.as_json = False

    @cached_property
    def workspace(self) -> Workspace:
        workspace = find_workspace(self.home)
        remote = network_file_system(workspace.root)
        if remote:
            click.echo(
                f"ttsdash: {workspace.root} lies on a network file system ({remote}), where SQLite can lose data: "
                "use --home DIR with a local folder",
                err=True,
            )
        return workspace

    @cached_property
    def db(self) -> sqlite3.Connection:
        return open_store(self.workspace)

    @property
    def program(self) -> str:
        """How to call it again on the same workspace."""
        return f"ttsdash --home {shlex.quote(self.home)}" if self.home else "ttsdash"

    def print_json(self, value: Any) -> None:
        """An array has a line for each element: indented, thousands of jobs take several times as long to write."""
        if isinstance(value, list):
            lines = ",\n ".join(json.dumps(element, ensure_ascii=False) for element in value)
            click.echo(f"[{lines}]")
        else:
            click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def session_of(context: click.Context) -> Session:
    root = context.find_root()
    if root.obj is None:
        root.obj = Session()
    session: Session = root.obj
    return session


pass_session = click.make_pass_decorator(Session)


def _take_home(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty: name a folder")
    if value is not None and value.startswith("-"):
        raise click.BadParameter(f"{value} is taken for its folder: name one, ./{value} if you mean it")
    if value:
        session_of(context).home = value


def _take_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        session_of(context).as_json = True


class Command(click.Command):
    """A command that takes the common options, too."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        session_of(ctx)
        return [
            *super().get_params(ctx),
            click.Option(
                ["--home"], metavar="DIR", expose_value=False, callback=_take_home, help="The workspace to use."
            ),
            click.Option(
                ["--json"], is_flag=True, expose_value=False, callback=_take_json, help="Print JSON for scripts."
            ),
        ]


class Group(Command, click.Group):
    """A group of such commands. With `default` that command runs when none is named; its options may stand alone, too."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, default: str | None = None, **options: Any) -> None:
        if default:
            options |= {"invoke_without_command": True, "context_settings": {"ignore_unknown_options": True}}
        super().__init__(*args, **options)
        self.default = default

    def invoke(self, ctx: click.Context) -> Any:
        arguments = [*ctx._protected_args, *ctx.args]
        if self.default and (not arguments or arguments[0].startswith("-")):
            ctx._protected_args, ctx.args = [self.default], arguments
        return super().invoke(ctx)


class LazyGroup(Group):
    """A group whose commands are imported when they are called: `{name: "module"}`, each with a command of that name."""

    def __init__(self, *args: Any, lazy: dict[str, str] | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lazy = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return None
        command: click.Command = getattr(importlib.import_module(self._lazy[cmd_name]), cmd_name)
        return command
