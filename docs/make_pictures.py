"""Makes the pictures of the documentation from the program itself, on a workspace with a history.

    python docs/make_pictures.py HOME

HOME is a workspace with one voice, of which `ttsdash optimize --all --guide --benchmark` has run. The picture lands in docs/pictures/.
"""

import asyncio
import sys
from pathlib import Path

from core.workspace import find_workspace
from tui.app import Dashboard

PICTURES = Path(__file__).parent / "pictures"


async def make(home: str) -> None:
    app = Dashboard(find_workspace(home), autostart=False)
    async with app.run_test(size=(100, 34)) as pilot:
        while app.snapshot is None:
            await pilot.pause(0.1)
        await pilot.pause(0.5)
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / "voices.svg").write_text(app.export_screenshot(title="ttsdash"), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(make(sys.argv[1]))
