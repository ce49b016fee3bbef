"""The lines of a running job in the queue."""

from contextlib import closing

import pytest

from core.store.database import open_store
from core.workspace import Workspace
from tests.tui.pilot import dashboard, text_of, until

STAGE = "ends 21:15: loss 0.51, PESQ 3.98"


@pytest.mark.parametrize("attempt", [1, 12])
async def test_a_training_shows_its_end_loss_and_sound_on_80_columns(worked: Workspace, attempt: int) -> None:
    with closing(open_store(worked)) as db:
        db.execute(
            "UPDATE jobs SET stage = ?, attempt = ?, cpu_percent = 199.0, rss_mb = 1573.0 WHERE state = 'running'",
            (STAGE, attempt),
        )
    app = dashboard(worked)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: text_of(app, "RunningJob .usage") == "199 % CPU, 1573 MB")
        text, width = text_of(app, "RunningJob .stage"), app.query_one("RunningJob .stage").content_size.width
        # If it is cut off, an ellipsis takes the place of a character.
        shown = text if len(text) <= width else text[: width - 1]
        assert shown.startswith(STAGE)
