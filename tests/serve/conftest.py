"""The service in this process, with a tiny voice."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from core.records.voices import Voice
from core.workspace import Workspace
from serve.http.app import Access, build_app
from serve.playback import Player
from serve.scheduler import Scheduler
from serve.state import Service
from serve.statistics import Statistics
from serve.voices import Voices

LOCAL = "http://127.0.0.1:8123"


@pytest.fixture
def service(workspace: Workspace, db: sqlite3.Connection, voice: Voice, tmp_path: Path) -> Iterator[Service]:
    """Return a service whose player writes what it plays to the file `played`."""
    player = Player(["sh", "-c", f"cat >> '{tmp_path}/played'"])
    scheduler = Scheduler(workers=2, longest_wait_s=10)
    made = Service(Voices(workspace, [], cores=1), scheduler, player, Statistics())
    made.voices.load()
    yield made
    scheduler.cancel_all()
    scheduler.stop()


@pytest.fixture
def app(service: Service) -> Starlette:
    return build_app(service, Access())


@pytest.fixture
async def client(app: Starlette, service: Service) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as made:
        yield made
    await service.player.close()
