"""The tab Selection: what is taken here and why, written into an assistant's configuration by keys alone.

This machine's answers are recorded ones, so that what is selected does not depend on where the tests run.
"""

import json
import shutil
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from core.assistant.changes import Change, Plan
from core.assistant.file import ConfigFile
from core.assistant.keys import VOICE_PATH
from core.assistant.proposal import Proposal
from core.files import sha256_of
from core.hardware.detection import HardwareInfo
from core.records.selections import Preference
from core.records.voices import Variant, Voice
from core.settings import read_settings, set_assistant
from core.store.database import transaction
from core.store.selections import get_preference, put_preference
from core.store.voices import put_variant
from core.voices.file import config_path_of
from core.workspace import Workspace
from tests.core.machines import SERVER
from tests.tui.pilot import RECORDED_MACHINE, Compare, cells, dashboard, paste, text_of, until
from tui.dashboard.app import Dashboard
from tui.dashboard.common.details import DetailsScreen
from tui.dashboard.environment import Environment
from tui.dashboard.messages import Outcome
from tui.dashboard.selection.chain import StepBox
from tui.dashboard.selection.pane import SelectionPane
from tui.dashboard.selection.proposal import ProposalScreen

ENVIRONMENT = Environment(hardware=lambda: SERVER)
AT_HOME = replace(RECORDED_MACHINE, hardware=lambda: SERVER)
FOREIGN = "tts:\n  rate: 1.0\n  model: {path}  # the voice\n"
ASSISTANT = "models:\n  tts:\n    piper:\n      voice_path: {path}  # the voice\n"


@pytest.fixture
def variant(db: sqlite3.Connection, voice: Voice, tmp_path: Path) -> Path:
    """A copy of the original as `static-int8`, of a voice whose policy accepts what was not measured."""
    path = Path(shutil.copyfile(voice.path, tmp_path / "static-int8.onnx"))
    config_path_of(path).write_text(json.dumps(voice.config))
    made = Variant(
        voice.key,
        "static-int8",
        str(path),
        path.stat().st_size,
        sha256_of(path),
        "static",
        {},
        voice.id,
        {},
        None,
        "2024-01-02T09:00:00.000Z",
    )
    with transaction(db):
        put_variant(db, voice.id, made)
        put_preference(db, voice.id, Preference("priority"))
    return path


@pytest.fixture
def config(voice: Voice, tmp_path: Path) -> Path:
    path = tmp_path / "assistant.yaml"
    path.write_text(ASSISTANT.format(path=voice.path))
    return path


@pytest.fixture
def at_home(full: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """With an assistant that loads the original of one voice, in a home folder that reads the same everywhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    config = tmp_path / "assistant.yaml"
    config.write_text(ASSISTANT.format(path="/voices/en_US-joe-medium.onnx"))
    set_assistant(full, config)
    return full


async def opened(pilot: Pilot[None]) -> SelectionPane:
    """The tab, once the store and the configuration have been read."""
    app = pilot.app
    assert isinstance(app, Dashboard)
    await until(pilot, lambda: app.snapshot and app.query(SelectionPane))
    await pilot.press("4")
    pane = app.query_one(SelectionPane)
    await until(pilot, lambda: pane.today and app.focused is pane.table)
    return pane


def row(pane: SelectionPane) -> list[str]:
    """Policy, selected, pinned, loaded and applied of the first voice."""
    return cells(pane)[0][1:]


def boxes(app: Dashboard) -> dict[str, list[str]]:
    """The chain, box by box: the first two lines in each."""
    shown = [box for box in app.query(StepBox) if box.display]
    return {str(box.border_title): str(box.render()).split("\n")[:2] for box in shown}


async def test_what_is_selected_is_applied_and_undone_by_keys_alone(
    workspace: Workspace, db: sqlite3.Connection, config: Path, variant: Path, voice: Voice
) -> None:
    before = config.read_text()
    app = dashboard(workspace, environment=ENVIRONMENT)
    async with app.run_test(size=(100, 40)) as pilot:
        pane = await opened(pilot)
        assert row(pane) == ["–", "press s", "–", "unknown", "–"]
        detail = text_of(app, "#selection-pane .detail Static")
        assert "press s" in detail
        assert "No assistant configuration set: press f to choose its YAML file" in detail
        await pilot.press("s")
        await until(pilot, lambda: boxes(app).get("quantized") == ["static-int8", "SELECTED"])
        assert boxes(app) == {
            "Core ML": ["not made"],
            "quantized": ["static-int8", "SELECTED"],
            "original": ["original", "fallback"],
        }

        variant.rename(variant.with_suffix(".away"))
        await pilot.press("1", "4")
        lost = "! static-int8: its file is missing; s re-evaluates"
        await until(pilot, lambda: lost in text_of(app, "#selection-pane .detail Static"))
        variant.with_suffix(".away").rename(variant)
        await pilot.press("1", "4")
        await until(pilot, lambda: lost not in text_of(app, "#selection-pane .detail Static"))

        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.focused, Input))
        await paste(pilot, f"{config}x")
        await pilot.press("enter")
        await until(pilot, lambda: text_of(app, "#problem"))
        assert text_of(app, "#problem") == f"{config}x does not exist: check the path"
        await pilot.press("backspace", "enter")
        await until(pilot, lambda: row(pane)[-2:] == ["original", "NO"])
        assert "NOT the selected variant; a makes it load static-int8" in text_of(app, "#selection-pane .detail Static")

        before_proposal = list(db.iterdump())
        for answer in "ny":
            await pilot.press("a")
            await until(pilot, lambda: text_of(app, "#question").startswith("Write this"))
            await pilot.press("enter")
            shown = "\n".join(str(widget.render()) for widget in app.screen.query("Static"))
            assert f"Write this to {config}?" in shown
            assert f"{Path(voice.path).name} → static-int8.onnx" in shown
            assert f"-      voice_path: {voice.path}  # the voice\n+      voice_path: {variant}  # the voice" in shown
            await pilot.press(answer)
            await until(pilot, lambda: len(app.screen_stack) == 1)
            if answer == "n":
                assert config.read_text() == before
                assert list(db.iterdump()) == before_proposal
        await until(pilot, lambda: row(pane)[-2:] == ["static-int8", "yes"])
        assert f"voice_path: {variant}  # the voice" in config.read_text()

        await pilot.press("u")
        await until(pilot, lambda: text_of(app, "#question").startswith("Restore"))
        assert text_of(app, "#question") == f"Restore {config} from backup assistant.yaml.ttsdash-backup?"
        await pilot.press("enter", "y")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await until(pilot, lambda: row(pane)[-2:] == ["original", "NO"])
        assert config.read_text() == before
        await pilot.press("u")
        await until(pilot, lambda: "there is nothing to undo" in text_of(app, "#problem"))


async def test_a_pin_and_a_policy_are_chosen_from_a_list_and_taken_back(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Path
) -> None:
    app = dashboard(workspace, environment=ENVIRONMENT)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot)

        async def pick(key: str, *keys: str) -> str:
            """Open a list, go down to a choice and take it. Returns what the list shows."""
            await pilot.press(key)
            await until(pilot, lambda: app.screen.query(OptionList))
            shown = "\n".join(str(option.prompt) for option in app.screen.query_one(OptionList).options)
            await pilot.press(*keys, "enter")
            return shown

        shown = await pick("p", "j")
        assert shown.startswith("* no pin\n    let the policy choose\n  original\n  static-int8")
        await until(pilot, lambda: row(pane)[:3] == ["priority", "original", "original"])
        assert "original: pinned" in text_of(app, "#selection-pane .detail Static")

        shown = await pick("o", "k")
        assert "* priority\n    Core ML, then quantized" in shown
        assert "measured\n    the fastest on this machine" in shown
        await until(pilot, lambda: row(pane)[0] == "measured")
        shown = await pick("p", "k")
        assert "* original\n    selected: pinned\n" in shown
        await until(pilot, lambda: row(pane)[:3] == ["measured", "original", "–"])
        assert get_preference(db, voice.id) == Preference("measured", None)
        assert "static-int8, rejected: not measured on this machine" in text_of(app, "#selection-pane .detail Static")

        # Who goes back changes nothing.
        await pilot.press("o")
        await until(pilot, lambda: app.screen.query(OptionList))
        await pilot.press("k", "escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert get_preference(db, voice.id) == Preference("measured", None)


async def test_what_goes_wrong_is_one_line_and_leaves_the_file_as_it_is(
    workspace: Workspace, config: Path, variant: Path
) -> None:
    app = dashboard(workspace, environment=ENVIRONMENT)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot)
        fix = "no assistant configuration set: press f to choose its YAML file"
        for key in "au":
            await pilot.press(key)
            await until(pilot, lambda: text_of(app, "#problem") == fix)
            await pilot.press("y", "escape")
            assert len(app.screen_stack) == 1

        set_assistant(workspace, config)
        await pilot.press("a")
        await until(pilot, lambda: text_of(app, "#question").startswith("Write this"))
        config.write_text("# by hand\n")
        await pilot.press("y")
        changed = f"{config} has changed since it was read and was not written: try again"
        await until(pilot, lambda: text_of(app, "#problem") == changed)
        assert config.read_text() == "# by hand\n"
        await pilot.press("escape")

        config.unlink()
        await pilot.press("1", "4")
        await until(pilot, lambda: "does not exist: check the path" in text_of(app, "#selection-pane .detail Static"))
        assert row(pane)[-2:] == ["unknown", "–"]


async def test_the_configuration_is_read_again_when_the_tab_is_opened(
    workspace: Workspace, config: Path, variant: Path
) -> None:
    set_assistant(workspace, config)
    app = dashboard(workspace, environment=ENVIRONMENT)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot)
        for path, loads in (
            (variant, "static-int8"),
            ("/elsewhere/x.onnx", "unknown file"),
            ("", "nothing"),
        ):
            await pilot.press("1")
            config.write_text(ASSISTANT.format(path=path))
            await pilot.press("4")
            await until(pilot, lambda loads=loads: row(pane)[-2] == loads)


async def test_the_dialog_opens_at_once_and_takes_no_answer_before_it_shows_what_would_be_written(
    workspace: Workspace, config: Path, variant: Path
) -> None:
    set_assistant(workspace, config)
    before, may_check = config.read_text(), threading.Event()

    def hardware() -> HardwareInfo:
        may_check.wait(60)
        return SERVER

    app = dashboard(workspace, environment=Environment(hardware=hardware))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("a")
        assert text_of(app, "#question").startswith("checking")
        await pilot.press("y", "enter", "y")
        assert len(app.screen_stack) == 2
        may_check.set()
        await until(pilot, lambda: text_of(app, "#question").startswith("Write this"))
        assert config.read_text() == before
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (FOREIGN, "tts.model"),
        ("speech:\n  model: {path}\n  voices: [x.onnx, y.onnx]\n", "speech.model"),
        ("models:\n  tts:\n    piper:\n      voice: {path}\n", "models.tts.piper.voice"),
    ],
)
async def test_in_an_unknown_configuration_the_key_of_the_voice_is_chosen_and_nothing_else_is_set(
    text: str, key: str, workspace: Workspace, config: Path, variant: Path, voice: Voice
) -> None:
    before = text.format(path=voice.path)
    config.write_text(before)
    set_assistant(workspace, config)
    app = dashboard(workspace, environment=ENVIRONMENT)
    async with app.run_test(size=(100, 30)) as pilot:
        pane = await opened(pilot)
        assert row(pane)[-2:] == ["nothing", "–"]
        assert "has no key that ttsdash knows: a chooses" in text_of(app, "#selection-pane .detail Static")
        await pilot.press("a")
        await until(pilot, lambda: app.screen.query(OptionList))
        (offered,) = app.screen.query_one(OptionList).options
        assert "".join(str(offered.prompt).split()) == f"{key}{voice.path}"
        await pilot.press("enter")
        await until(pilot, lambda: text_of(app, "#question").startswith("Write this"))
        assert not app.screen.query_one("#extras").display
        await pilot.press("y")
        await until(pilot, lambda: row(pane)[-2:] == ["static-int8", "yes"])
    assert config.read_text() == before.replace(voice.path, str(variant))
    assert read_settings(workspace).assistant_voice_key == key


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tts:\n  engine: piper\n", "no key of it holds the path of an .onnx file"),
        ("models: {tts: {piper: {}}}\n", "no key of it holds the path of an .onnx file"),
        ("tts.model: x.onnx\n", "--voice-key cannot name 'tts.model' (under a name with a dot, line 1)"),
    ],
)
async def test_a_configuration_without_a_key_for_the_model_is_left_alone(
    text: str, problem: str, workspace: Workspace, config: Path, variant: Path
) -> None:
    config.write_text(text)
    set_assistant(workspace, config)
    app = dashboard(workspace, environment=ENVIRONMENT)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("a")
        await until(pilot, lambda: problem in text_of(app, "#problem"))
        await pilot.press("y", "e", "escape")
        assert len(app.screen_stack) == 1
    assert config.read_text() == text


async def test_the_keys_for_caching_are_set_only_when_ticked(workspace: Workspace, config: Path, variant: Path) -> None:
    set_assistant(workspace, config)
    app = dashboard(workspace, environment=ENVIRONMENT)
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(pilot)
        await pilot.press("a")
        await until(pilot, lambda: text_of(app, "#question").startswith("Write this"))
        assert "tts_cache_size" not in text_of(app, "#diff")
        for ticked in (True, False, True):
            await pilot.press("e")
            await until(pilot, lambda ticked=ticked: ("tts_cache_size: 100" in text_of(app, "#diff")) == ticked)
        await until(pilot, lambda: text_of(app, "#question").startswith("Write this"))
        await pilot.press("y")
        await until(pilot, lambda: len(app.screen_stack) == 1)
    assert "tts_cache_size: 100" in config.read_text()


async def test_enter_shows_the_details_and_changes_nothing(workspace: Workspace, config: Path, variant: Path) -> None:
    set_assistant(workspace, config)
    before = config.read_text()
    app = dashboard(workspace, environment=ENVIRONMENT)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        for _ in range(2):
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, DetailsScreen))
            assert "selected" in text_of(app, "ScrolledText PlainText")
            await pilot.press("enter")
            assert len(app.screen_stack) == 1
    assert config.read_text() == before


async def test_long_reasons_scroll_by_keys_and_the_keys_fit_80_columns(at_home: Workspace) -> None:
    app = dashboard(at_home, environment=AT_HOME)
    async with app.run_test(size=(80, 20)) as pilot:
        pane = await opened(pilot)
        await pilot.press("j")
        detail = pane.query_one(".detail", VerticalScroll)
        await until(pilot, lambda: detail.max_scroll_y)
        await pilot.press("full_stop")
        await until(pilot, lambda: detail.scroll_y > 0)
        await pilot.press("comma")
        await until(pilot, lambda: detail.scroll_y == 0)
        keys = app.screen.query("FooterKey")
        assert len(keys) == 8
        assert all(app.screen.region.contains_region(key.region) for key in keys)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["small", "large"])
def test_a_selection_and_what_the_assistant_loads(
    snap_compare: Compare, at_home: Workspace, size: tuple[int, int]
) -> None:
    async def look(pilot: Pilot[None]) -> None:
        await opened(pilot)
        await pilot.press("j")
        await pilot.pause()

    assert snap_compare(dashboard(at_home, environment=AT_HOME), terminal_size=size, run_before=look)


def test_what_would_be_written(snap_compare: Compare, at_home: Workspace) -> None:
    old, new = "/voices/en_US-joe-medium.onnx", "/models/static-int8.onnx"
    before, after = (ASSISTANT.format(path=path).encode() for path in (old, new))
    path = Path("/home/me/assistant.yaml")
    note = "static-int8 has not been measured on this machine at all cores: ttsdash benchmark en_US-joe-medium"
    proposal = Proposal(
        ConfigFile(path, path, before),
        after,
        Plan((Change(VOICE_PATH, old, new),), (note,)),
        "en_US-joe-medium",
        VOICE_PATH,
    )

    async def ask(pilot: Pilot[None]) -> None:
        await opened(pilot)
        await pilot.press("j")
        pilot.app.push_screen(ProposalScreen(lambda _: proposal, lambda _: Outcome()))
        await until(pilot, lambda: text_of(pilot.app, "#question").startswith("Write this"))

    assert snap_compare(dashboard(at_home, environment=AT_HOME), terminal_size=(80, 24), run_before=ask)


def test_the_variants_to_pin(snap_compare: Compare, at_home: Workspace) -> None:
    async def ask(pilot: Pilot[None]) -> None:
        await opened(pilot)
        await pilot.press("j", "p")
        await until(pilot, lambda: pilot.app.screen.query(OptionList))
        await pilot.pause()

    assert snap_compare(dashboard(at_home, environment=AT_HOME), terminal_size=(80, 24), run_before=ask)
