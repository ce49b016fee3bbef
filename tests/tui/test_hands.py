"""Keys, the palette, looks, and that one finds the dashboard as one left it."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.widgets import Input, OptionList, TabbedContent

from core.store.database import open_store
from core.store.screen import keep_screen, read_screen
from core.workspace import Workspace
from tests.tui.test_dashboard import store, text_of, until
from tui.app import Dashboard
from tui.keys import bindings_of, own_keys
from tui.themes import IN_TURN
from tui.widgets.queue_pane import QueuePane
from tui.widgets.table import KeyedTable
from tui.widgets.voices_pane import VoicesPane


def last_notice(app: Dashboard) -> str:
    return [*app._notifications][-1].message if app._notifications else ""


async def test_a_key_of_the_settings_takes_the_place_of_the_default(full: Workspace) -> None:
    full.settings_file.write_text("keys:\n  queue.pause: ctrl+z\n  app.help: f1,h\n")
    app = Dashboard(full, autostart=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs and app._keymap)
        await pilot.press("2", "p", "ctrl+z")
        await until(pilot, lambda: store(app).queue.paused)
        assert ("^z", "Pause / resume") in own_keys(app)
        await pilot.press("h")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        assert "f1, h" in str(app.screen.query("Static")[1].render())


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("keys: {queue.jump: x}", "there is no 'queue.jump'; there is app.help, app.queue"),
        ("keys: {queue.pause: pp}", "queue.pause: 'pp' is no key; such as x, X, f5 or ctrl+x"),
        ("keys: {queue.pause: 1}", "keys: give actions with their keys, such as `queue.cancel: x`"),
        ("keys: [x]", "keys: give actions with their keys"),
        ("hook: [", "ttsdash.yaml, line 1: not YAML"),
    ],
)
async def test_keys_that_cannot_be_are_told_in_one_line_and_the_others_work(
    written: str, says: str, full: Workspace
) -> None:
    full.settings_file.write_text(written)
    app = Dashboard(full, autostart=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: last_notice(app))
        assert says in last_notice(app)
        assert "\n" not in last_notice(app)
        await pilot.press("2")
        assert app.query_one(TabbedContent).active == "queue"


async def test_the_palette_has_every_action_and_does_it_in_its_tab(full: Workspace) -> None:
    app = Dashboard(full, autostart=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await until(pilot, lambda: len(app._panes) == app.query_one(TabbedContent).tab_count)
        offered = {command.title for command in app.get_system_commands(app.screen)}
        nodes = {"": app, **{str(pane.id).removesuffix("-pane").title() + ": ": pane for pane in app._panes}}
        actions = [(prefix, binding) for prefix, node in nodes.items() for binding in bindings_of(type(node))]
        named = {f"{prefix}{binding.description}" for prefix, binding in actions if binding.id}
        assert named <= offered
        assert {"Queue: Pause / resume", "Voices: Optimize", "Help", "Next theme"} <= named
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        app.screen.query_one(Input).value = "Queue: Pause"
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count)
        await pilot.press("enter")
        await until(pilot, lambda: store(app).queue.paused)
        assert app.query_one(TabbedContent).active == "queue"


def test_each_action_has_an_id_of_its_own() -> None:
    found: list[str] = []
    for kind in (Dashboard, KeyedTable, VoicesPane, QueuePane):
        unnamed = [binding for binding in bindings_of(kind) if not binding.id and binding.action not in MOVES]
        assert unnamed == []
        found += [binding.id for binding in bindings_of(kind) if binding.id]
    assert len(found) == len(set(found))


MOVES = {"cursor_down", "cursor_up", "scroll_top", "scroll_bottom", "scroll_down", "scroll_up"}


async def test_the_dashboard_is_found_as_it_was_left(full: Workspace) -> None:
    app = Dashboard(full, autostart=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        await pilot.press("T", "T", "j", "2")
        await until(pilot, lambda: app.query_one(QueuePane).table.has_focus)
        await pilot.press("j", "j")
        voice, job = app.query_one(VoicesPane).table.focused_key, app.query_one(QueuePane).table.focused_key
        await pilot.press("q")
    with closing(open_store(full)) as db:
        kept = read_screen(db)
    assert kept["app"] == {"tab": "queue", "theme": IN_TURN[2]}

    again = Dashboard(full, autostart=False, screen=kept)
    async with again.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: again.query(QueuePane) and again.query_one(QueuePane).table.focused_key == job)
        assert (again.theme, again.query_one(TabbedContent).active) == (IN_TURN[2], "queue")
        assert again.query_one(QueuePane).table.has_focus
        assert again.query_one(VoicesPane).table.focused_key == voice


@pytest.mark.parametrize(
    "kept",
    [
        {"app": {"tab": "cellar", "theme": 7}, "voices-pane": {"row": "nobody/original"}},
        {"app": {}, "queue-pane": {"row": ["x"]}, "system-pane": {"scrolled": "far"}, "attic": {"row": "1"}},
    ],
)
async def test_what_is_gone_or_makes_no_sense_is_not_gone_back_to(kept: dict[str, Any], full: Workspace) -> None:
    app = Dashboard(full, autostart=False, screen=kept)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        assert app.query_one(TabbedContent).active == "voices"
        assert app.query_one(VoicesPane).table.cursor_row == 0


def test_what_was_kept_is_replaced_part_by_part(db: sqlite3.Connection) -> None:
    assert read_screen(db) == {}
    keep_screen(db, {"app": {"tab": "queue"}, "queue-pane": {"row": "7"}})
    keep_screen(db, {"app": {"tab": "voices"}})
    assert read_screen(db) == {"app": {"tab": "voices"}, "queue-pane": {"row": "7"}}


@pytest.mark.parametrize("theme", IN_TURN)
async def test_in_every_theme_text_can_be_told_from_what_is_behind_it(theme: str, full: Workspace) -> None:
    """By WCAG 2: a contrast of 4.5 to 1; in the theme for it 7 to 1."""
    app = Dashboard(full, autostart=False, screen={"app": {"theme": theme}})
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: store(app).jobs)
        for selector in ("#workspace", "#worker", ".detail PlainText", "#voices-table"):
            widget = app.query(selector).first()
            background, foreground = widget.colors[2:]
            least = 7 if theme == "high-contrast" else 4.5
            contrast = _contrast(foreground.rgb, background.rgb)
            assert contrast >= least, f"{selector}: {contrast:.1f}"
        assert "Tab" not in text_of(app, "#workspace")


def _contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: tuple[int, int, int]) -> float:
    linear = [
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in (c / 255 for c in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
