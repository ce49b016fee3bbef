"""Where the service of a workspace listens, in a file that others read while it runs."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass

import psutil

from core.files import replace_text
from core.workspace import Workspace


@dataclass(frozen=True)
class Address:
    """A running service."""

    pid: int
    host: str
    port: int
    token: str | None
    """The file is readable by its owner only."""

    @property
    def url(self) -> str:
        """Return its URL, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


@contextmanager
def announced(workspace: Workspace, host: str, port: int, token: str | None) -> Iterator[None]:
    """Let others find the service while the block runs."""
    # A service that listens on all addresses is reached by this machine's own.
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing is bound to it here
    address = Address(os.getpid(), reachable, port, token)
    replace_text(workspace.speech_service, [json.dumps(asdict(address))])
    try:
        yield
    finally:
        if running_service(workspace) == address:
            with suppress(OSError):
                workspace.speech_service.unlink()


def running_service(workspace: Workspace) -> Address | None:
    """Return where the service of a workspace listens; None if none runs."""
    try:
        address = Address(**json.loads(workspace.speech_service.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return address if psutil.pid_exists(address.pid) else None
