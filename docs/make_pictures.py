"""Makes all pictures of the documentation from the program itself.

    python docs/make_pictures.py HOME

HOME is a workspace with one voice, of which `ttsdash optimize --all --guide --benchmark` has run twice; it is not changed.
The pictures land in docs/pictures/.
"""

import asyncio
import os
import re
import shutil
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from textual.pilot import Pilot

from core.store.activity import read_activity, record_visit
from core.store.database import open_store
from core.workspace import Workspace, find_workspace
from tui.dashboard.app import Dashboard
from tui.dashboard.results.pane import ResultsPane

PICTURES = Path(__file__).resolve().parent / "pictures"
# Paths of this machine, up to the part that every workspace has.
_PATHS = re.compile(r"/[\w./-]*/(?:workspace/)?(optimized_models|workspace\b|bin/python)")
# What is pressed for each; of the results the first is an original.
KEYS = {
    "voices": "1jjj",
    "queue": "2",
    "results": "3j",
    "trend": "3jjt",
    "pareto": "3jP",
    "sound": "3jjvv",
    "selection": "4",
    "system": "5",
}


async def take(workspace: Workspace, name: str, keys: str) -> None:
    app = Dashboard(workspace, autostart=False)
    async with app.run_test(size=(100, 34)) as pilot:
        while app.snapshot is None or not app.query(ResultsPane):
            await pilot.pause(0.1)
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        picture = _PATHS.sub(r"~/ttsdash/\1", app.export_screenshot(title="ttsdash")).replace(
            "/ttsdash/workspace", "/ttsdash"
        )
        (PICTURES / f"{name}.svg").write_text(picture, encoding="utf-8")


async def settle(pilot: Pilot[None]) -> None:
    """Wait until nothing is read any more."""
    await pilot.pause(0.3)
    while any(not worker.is_finished and worker.group != "watch" for worker in pilot.app.workers):
        await pilot.pause(0.3)


async def take_all(workspace: Workspace) -> None:
    PICTURES.mkdir(exist_ok=True)
    with closing(open_store(workspace)) as db:
        # The greeting would lie over the first of them.
        record_visit(db, read_activity(db))
    for name, keys in KEYS.items():
        await take(workspace, name, keys)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        # The dashboard saves its state in a copy, whose path reveals nothing of this machine.
        shutil.copytree(find_workspace(sys.argv[1]).root, Path(folder) / "workspace")
        os.chdir(folder)
        asyncio.run(take_all(Workspace(Path("workspace"))))
