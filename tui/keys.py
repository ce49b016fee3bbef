"""The keys of ttsdash, not Textual's own for scrolling: what `?`, the palette and the settings know of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import Keys

from core.errors import BadInput


def bindings_of(kind: type) -> list[Binding]:
    """Those that a class of ttsdash declares, and the classes of ttsdash that it is made of."""
    ours = [base for base in kind.__mro__ if base.__module__.startswith("tui.")]
    return [binding for base in ours for binding in vars(base).get("BINDINGS", [])]


def own_keys(app: App[None]) -> list[tuple[str, str]]:
    """The keys that work where the focus is, and what each does."""
    lines: dict[str, list[str]] = {}
    for active in app.screen.active_bindings.values():
        binding = active.binding
        declared = {(one.action, one.description) for one in bindings_of(type(active.node))}
        if binding.description and (binding.action, binding.description) in declared:
            lines.setdefault(binding.description, []).append(app.get_key_display(binding))
    return [(", ".join(keys), does) for does, keys in lines.items()]


def check_keymap(keymap: Mapping[str, str], nodes: Iterable[DOMNode]) -> None:
    """Raises BadInput for an action or a key that there is not."""
    known = {binding.id for node in nodes for binding in bindings_of(type(node)) if binding.id}
    for action, keys in keymap.items():
        if action not in known:
            raise BadInput(f"ttsdash.yaml: keys: there is no {action!r}; there is {', '.join(sorted(known))}")
        for key in keys.split(","):
            if not _is_key(key.strip()):
                raise BadInput(f"ttsdash.yaml: keys: {action}: {key.strip()!r} is no key; such as x, X, f5 or ctrl+x")


def _is_key(key: str) -> bool:
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    return set(modifiers) <= {"ctrl", "shift", "alt"} and (len(last) == 1 or last in {known.value for known in Keys})
