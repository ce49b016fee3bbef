"""The service in this process, with a tiny voice."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from core.store.database import open_store
from core.voices.file import read_voice
from core.workspace import Workspace
from serve.http.app import Access, build_app
from serve.playback import Player
from serve.scheduler import Scheduler
from serve.state import Service
from serve.statistics import Statistics
from serve.voices import Voices
from tests.factories import add_voice
from tests.vits import write_voice

LOCAL = "http://127.0.0.1:8123"


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Voices:
    """Return the voices of a workspace with a tiny one, which is loaded once for all tests."""
    workspace = Workspace(tmp_path_factory.mktemp("service") / "workspace")
    workspace.prepare()
    db = open_store(workspace)
    add_voice(db, read_voice(write_voice(workspace.root / "source")))
    db.close()
    made = Voices(workspace, [], cores=1)
    made.load()
    return made


@pytest.fixture
def service(loaded: Voices, tmp_path: Path) -> Iterator[Service]:
    """Return a service whose player writes what it plays to the file `played`."""
    player = Player(["sh", "-c", f"cat >> '{tmp_path}/played'"])
    scheduler = Scheduler(workers=2, longest_wait_s=10)
    yield Service(loaded, scheduler, player, Statistics())
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
