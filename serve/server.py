"""Runs the service: loads the default voice, then answers until a signal ends it."""

import asyncio
import errno
import logging
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
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
from serve.wyoming import start_wyoming

_LOG = logging.getLogger(__name__)
_FOLLOW_S = 1.0
_LONGEST_WAIT_S = 10.0


@dataclass(frozen=True)
class Options:
    """How the service is started."""

    host: str
    port: int
    voices: Sequence[str]
    token: str | None
    play_command: Sequence[str] | None
    wyoming_port: int | None
    """The port for Home Assistant; None: it is not served."""


def run_service(workspace: Workspace, options: Options) -> None:
    """Answer requests until a signal ends it.

    Raises InvalidInput for an address that cannot be used, NotFound for an unknown voice, and what loading a voice raises.
    """
    if options.token is None and options.host not in ("127.0.0.1", "::1", "localhost"):
        raise InvalidInput(f"--host {options.host} can be reached from other machines: add --token TOKEN")
    with ExitStack() as stack:
        ports = {"--port": options.port, "--wyoming-port": options.wyoming_port}
        listeners = [
            stack.enter_context(_listening(options.host, port, option))
            for option, port in ports.items()
            if port is not None
        ]
        voices = Voices(workspace, options.voices, allowed_cores())
        loaded = voices.load()
        _LOG.info("%s speaks with %s", loaded.voice.key, loaded.variant.name)
        stack.enter_context(announced(workspace, options.host, listeners[0].getsockname()[1], options.token))
        asyncio.run(_serve(voices, options, listeners))


async def _serve(voices: Voices, options: Options, listeners: Sequence[socket.socket]) -> None:
    """Answer requests on these sockets: of HTTP, and of Wyoming if there is a second one."""
    scheduler = Scheduler(allowed_cores(), _LONGEST_WAIT_S)
    service = Service(voices, scheduler, Player(options.play_command), Statistics())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        following = asyncio.create_task(_follow(voices))
        wyoming = await start_wyoming(service, listeners[1]) if len(listeners) > 1 else None
        for scheme, listener in zip(("http", "tcp"), listeners, strict=False):
            _LOG.info("listening on %s://%s:%d", scheme, options.host, listener.getsockname()[1])
        yield
        if wyoming is not None:
            wyoming.close()
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await service.player.close()
        scheduler.cancel_all()
        await asyncio.to_thread(scheduler.stop)

    app = build_app(service, Access(options.token), lifespan)
    config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=5)
    await uvicorn.Server(config).serve([listeners[0]])


async def _follow(voices: Voices) -> None:
    while True:
        await asyncio.sleep(_FOLLOW_S)
        try:
            await asyncio.to_thread(voices.follow)
        except Exception:  # noqa: BLE001 - it is logged, and tried again
            _LOG.exception("could not look for another selection")


def _listening(host: str, port: int, option: str) -> socket.socket:
    """Return a socket that listens there. Raises InvalidInput; `option` chooses another port."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InvalidInput(f"port {port} is taken{_by_whom(port)}: choose another one with {option}") from error
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
