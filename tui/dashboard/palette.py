"""What the command palette offers: every action that has a key, in any tab."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from textual.app import App, SystemCommand
from textual.dom import DOMNode

from tui.dashboard.keymap import own_bindings
from tui.dashboard.tab_list import TABS

if TYPE_CHECKING:
    from tui.dashboard.common.pane import Pane


def palette_commands(app: App[None], panes: Mapping[str, Pane], keys: Mapping[str, str]) -> Iterator[SystemCommand]:
    """Yield a command for each action of the panes, in the order of the tabs, then for those of the dashboard.

    `panes` go by the id of their tab; `keys` are those in the settings, by action.
    """
    nodes: list[tuple[str, str, DOMNode]] = [
        (f"tab({tab.id!r})", f"{tab.title}: ", panes[tab.id]) for tab in TABS if tab.id in panes
    ]
    for before, prefix, node in [*nodes, ("", "", app)]:
        for binding in own_bindings(type(node)):
            if binding.description and binding.id:
                key = app.get_key_display(binding.with_key(keys.get(binding.id, binding.key)))
                yield SystemCommand(prefix + binding.description, key, partial(_run, app, before, binding.action, node))


async def _run(app: App[None], before: str, action: str, node: DOMNode) -> None:
    """Run an action on a node, after an action of the dashboard if there is one."""
    if before:
        await app.run_action(before)
    await app.run_action(action, node)
