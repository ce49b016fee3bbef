"""Runs the service as a process."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

from core.workspace import Workspace
from serve.address import Address, running_service
from tests.running import COMMAND, environment
from tests.waiting import wait_until


@contextmanager
def serving(workspace: Workspace, *arguments: str) -> Iterator[Address]:
    """Run the service on a free port, and end it as Ctrl-C does."""
    command = [*COMMAND, "serve", "--port", "0", *arguments]
    log = (workspace.root / "serve.log").open("w")
    process = subprocess.Popen(command, env=environment(workspace), stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield wait_until(lambda: answering(workspace))
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(30)
        log.close()
    assert code in (0, 130, -signal.SIGINT), (workspace.root / "serve.log").read_text()


def answering(workspace: Workspace) -> Address | None:
    address = running_service(workspace)
    try:
        return address if address and get(address, "/health")["status"] == "ok" else None
    except OSError:
        return None


def get(address: Address, path: str) -> Any:
    connection = HTTPConnection(address.host, address.port, timeout=30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {address.token}"})
    return json.loads(connection.getresponse().read())
