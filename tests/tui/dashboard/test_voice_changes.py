"""Voices that are removed, renamed, verified and exported again, in the Voices tab."""

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from core.files import sha256_of
from core.records.voices import Voice
from core.store.database import open_store, transaction
from core.store.jobs import list_jobs
from core.store.voices import get_voice, put_variant
from core.variants.variant_files import variant_path
from core.voices.file import config_path_of
from core.workspace import Workspace
from tests.tui.conftest import announce
from tests.tui.pilot import RECORDED, cells, dashboard, is_ready, store, text_of, until
from tests.vits import VitsShape, write_voice
from tui.dashboard.app import Dashboard
from tui.dashboard.common.confirm import ConfirmScreen
from tui.dashboard.voices.pane import VoicesPane
from tui.dashboard.voices.rename_voice import RenameVoiceScreen
from tui.dashboard.voices.verified import VerifiedScreen


@pytest.fixture
def made(workspace: Workspace, voice: Voice) -> Path:
    """Store a variant, and announce a worker, so that none is started."""
    path = variant_path(workspace, voice.folder, "dynamic-int8-guide")
    path.parent.mkdir(parents=True)
    path.write_bytes(Path(voice.path).read_bytes())
    config_path_of(path).write_bytes(config_path_of(Path(voice.path)).read_bytes())
    with closing(open_store(workspace)) as db, transaction(db):
        original = voice.variants[0]
        variant = replace(original, name="dynamic-int8-guide", recipe="guide", path=str(path), sha256=sha256_of(path))
        put_variant(db, voice.id, replace(variant, source_sha256=voice.source_sha256))
    announce(workspace, os.getpid())
    return path


def rows(app: Dashboard) -> list[list[str]]:
    return [row[:4] for row in cells(app.query_one(VoicesPane))]


async def test_a_voice_is_removed_only_after_y(workspace: Workspace, voice: Voice, made: Path) -> None:
    app = dashboard(workspace, environment=RECORDED)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: is_ready(app) and len(rows(app)) == 2)
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        question = text_of(app, "PlainText")
        assert f"Remove tiny? This deletes 1 variant (dynamic-int8-guide), 0 jobs. {voice.path}" in question
        await pilot.press("enter", "space", "enter")
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("n")
        await until(pilot, lambda: not isinstance(app.screen, ConfirmScreen))
        assert made.is_file()
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: store(app).voices == [])
        assert "Removed tiny." in app.notices
        assert not made.exists()
        assert Path(voice.path).is_file()


async def test_a_name_that_cannot_be_used_stays_in_the_dialog(workspace: Workspace, voice: Voice, made: Path) -> None:
    app = dashboard(workspace, environment=RECORDED)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: is_ready(app) and len(rows(app)) == 2)
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, RenameVoiceScreen))
        app.screen.query_one(Input).value = "a b"
        await pilot.press("enter")
        await until(pilot, lambda: "cannot be the name of a voice" in text_of(app, "#problem"))
        app.screen.query_one(Input).value = "amy"
        await pilot.press("enter")
        await until(pilot, lambda: rows(app) and rows(app)[0][0] == "amy")
        assert not isinstance(app.screen, RenameVoiceScreen)
        assert "tiny is amy now." in app.notices


async def test_the_files_of_a_voice_are_verified(workspace: Workspace, voice: Voice, made: Path) -> None:
    made.unlink()
    app = dashboard(workspace, environment=RECORDED)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: is_ready(app) and len(rows(app)) == 2)
        await pilot.press("V")
        await until(pilot, lambda: isinstance(app.screen, VerifiedScreen))
        shown = text_of(app, "ScrolledText PlainText")
        assert shown.splitlines()[:2] == ["original: ok", f"dynamic-int8-guide: missing: {made}"]
        assert "fix: ttsdash optimize --model tiny --guide" in shown


async def test_outdated_variants_are_shown_and_made_again_after_y(
    workspace: Workspace, voice: Voice, made: Path
) -> None:
    new = write_voice(Path(voice.path).parent / "export", VitsShape(seed=7), "tiny")
    new.replace(voice.path)
    app = dashboard(workspace, environment=RECORDED)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: is_ready(app) and len(rows(app)) == 2)
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and app.screen.content)
        await pilot.press("n")
        await until(pilot, lambda: any("outdated" in row for row in rows(app)))
        assert "u makes them again" in text_of(app, "#voices-pane .detail Static")
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and app.screen.content)
        await pilot.press("y")
        await until(pilot, lambda: len(store(app).jobs) == 2)
        with closing(open_store(workspace)) as db:
            benchmark, quantize = list_jobs(db)
            assert (quantize.variant, benchmark.kind, benchmark.after) == ("dynamic-int8-guide", "benchmark", (1,))
            assert get_voice(db, "tiny").outdated_variants != ()
