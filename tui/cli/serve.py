"""`ttsdash serve`: the speech service."""

import logging

import click

from core.errors import InvalidInput
from tui.cli.context import Command, Session, pass_session
from tui.cli.extras import require_serve

_DEFAULT_PORT = 8123


@click.command(cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=_DEFAULT_PORT, show_default=True, help="0: any free one."
)
@click.option(
    "--wyoming-port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Also serve Home Assistant there, usually 10200.",
)
@click.option("--voice", "voices", multiple=True, metavar="VOICE", help="Offer this voice only; may be repeated.")
@click.option("--token", metavar="TOKEN", help="Require this bearer token. Needed for other hosts than this machine.")
@click.option("--player", metavar="COMMAND", help="A command that plays 16-bit samples; RATE stands for their rate.")
@pass_session
def serve(
    session: Session,
    host: str,
    port: int,
    wyoming_port: int | None,
    voices: tuple[str, ...],
    token: str | None,
    player: str | None,
) -> None:
    """Speak for assistants, over HTTP, with the selected variant of each voice. Ctrl-C ends it."""
    import shlex

    if token is not None and not token.strip():
        raise InvalidInput("--token is empty: give one, or leave it out")
    try:
        command = shlex.split(player) if player else None
    except ValueError as error:
        raise InvalidInput(f"--player cannot be read ({error})") from error
    require_serve()
    from serve.server import Options, run_service

    session.workspace.prepare()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    run_service(session.workspace, Options(host, port, voices, token, command, wyoming_port))
