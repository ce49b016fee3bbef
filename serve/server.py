"""Runs the service: loads the default voice, then answers until a signal ends it."""

import asyncio
import errno
import logging
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import psutil
import uvicorn
from starlette.applications import Starlette

from core.errors import InvalidInput
from core.hardware.detection import allowed_cores
from core.workspace import Workspace
from serve.address import announced
from serve.http.app import Access, build_app
from serve.playback import Player
from serve.scheduler import Scheduler
from serve.state import Service
from serve.statistics import Statistics
from serve.voices import Voices

DEFAULT_PORT = 8123
_LOG = logging.getLogger(__name__)
_FOLLOW_S = 1.0
_LONGEST_WAIT_S = 10.0


@dataclass(frozen=True)
class Options:
    """How the service is started."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    voices: Sequence[str] = ()
    token: str | None = None
    play_command: Sequence[str] | None = None


def run_service(workspace: Workspace, options: Options) -> None:
    """Answer requests until a signal ends it.

    Raises InvalidInput for an address that cannot be used, NotFound for an unknown voice, and what loading a voice raises.
    """
    if options.token is None and options.host not in ("127.0.0.1", "::1", "localhost"):
        raise InvalidInput(f"--host {options.host} can be reached from other machines: add --token TOKEN")
    with _listening(options.host, options.port) as listener:
        voices = Voices(workspace, options.voices, allowed_cores())
        loaded = voices.load()
        _LOG.info("%s speaks with %s", loaded.voice.key, loaded.variant.name)
        with announced(workspace, options.host, listener.getsockname()[1], options.token):
            asyncio.run(_serve(voices, options, listener))


async def _serve(voices: Voices, options: Options, listener: socket.socket) -> None:
    scheduler = Scheduler(allowed_cores(), _LONGEST_WAIT_S)
    service = Service(voices, scheduler, Player(options.play_command), Statistics())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        following = asyncio.create_task(_follow(voices))
        _LOG.info("listening on http://%s:%d", options.host, listener.getsockname()[1])
        yield
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await service.player.close()
        scheduler.cancel_all()
        await asyncio.to_thread(scheduler.stop)

    app = build_app(service, Access(options.token), lifespan)
    config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=5)
    await uvicorn.Server(config).serve([listener])


async def _follow(voices: Voices) -> None:
    while True:
        await asyncio.sleep(_FOLLOW_S)
        try:
            await asyncio.to_thread(voices.follow)
        except Exception:  # noqa: BLE001 - it is logged, and tried again
            _LOG.exception("could not look for another selection")


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens there. Raises InvalidInput."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InvalidInput(f"port {port} is taken{_by_whom(port)}: choose another one with --port") from error
        raise InvalidInput(f"cannot listen on {host} port {port} ({error.strerror or error})") from error
    return listener


def _by_whom(port: int) -> str:
    """Return which process listens on a port, as far as that can be seen."""
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                pid = connection.pid
                if pid and pid != os.getpid():
                    return f" by {psutil.Process(pid).name()} (pid {pid})"
    return ""
