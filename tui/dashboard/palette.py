"""The command palette: every action that has a key, in any tab."""

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
    """Yield a command for each action of the panes, in tab order, then for those of the dashboard.

    `panes` are given by tab id, `keys` (the custom ones) by action.
    """
    nodes: list[tuple[str, str, DOMNode]] = [
        (f"tab({tab.id!r})", f"{tab.title}: ", panes[tab.id]) for tab in TABS if tab.id in panes
    ]
    for open_tab, prefix, node in [*nodes, ("", "", app)]:
        for binding in own_bindings(type(node)):
            if binding.description and binding.id:
                key = app.get_key_display(binding.with_key(keys.get(binding.id, binding.key)))
                yield SystemCommand(
                    prefix + binding.description, key, partial(_run, app, open_tab, binding.action, node)
                )


async def _run(app: App[None], open_tab: str, action: str, node: DOMNode) -> None:
    """Run an action on a node, after the action that opens its tab, if it has one."""
    if open_tab:
        await app.run_action(open_tab)
    await app.run_action(action, node)
