"""The keys of ttsdash, without Textual's own for scrolling: for help, the palette and the settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from textual.app import App
from textual.binding import Binding
from textual.keys import REPLACED_KEYS, Keys, format_key, key_to_character


def own_bindings(kind: type) -> list[Binding]:
    """Return the bindings that a class declares or inherits from other classes of ttsdash."""
    ours = [base for base in kind.__mro__ if base.__module__.startswith("tui.")]
    return [binding for base in ours for binding in vars(base).get("BINDINGS", [])]


def active_keys(app: App[None]) -> list[tuple[str, str]]:
    """Return the keys that work in the current focus, each with its description."""
    keys: dict[str, list[str]] = {}
    for active in app.screen.active_bindings.values():
        binding = active.binding
        declared = {(own.action, own.description) for own in own_bindings(type(active.node))}
        if binding.description and (binding.action, binding.description) in declared:
            keys.setdefault(binding.description, []).append(app.get_key_display(binding))
    return [(", ".join(names), description) for description, names in keys.items()]


@dataclass(frozen=True)
class Keymap:
    """The custom keys that can be used, by action, and one line for each that cannot."""

    keys: dict[str, str]
    problems: list[str]


def read_keymap(wanted: Mapping[str, str], panes: Iterable[type], everywhere: Iterable[type]) -> Keymap:
    """Check custom keys, by action, against the bindings of each pane and those that work everywhere.

    If two actions in one place have the same key, the action whose key is its default keeps it.
    """
    common = [binding for kind in everywhere for binding in own_bindings(kind)]
    places = [[*own_bindings(pane), *common] for pane in panes]
    known = {binding.id for place in places for binding in place if binding.id}
    problems = {action: problem for action, keys in wanted.items() if (problem := _problem(action, keys, known))}
    accepted = {action: keys for action, keys in wanted.items() if action not in problems}
    while clash := next(filter(None, (_clash(accepted, place) for place in places)), None):
        action, key, owner = clash
        del accepted[action]
        problems[action] = f"{key!r} is already the key of {owner}: change that one, too"
    return Keymap(accepted, [f"ttsdash.yaml: keys: {action}: {problem}" for action, problem in problems.items()])


def _problem(action: str, keys: str, known: set[str]) -> str:
    """Return why an action cannot have these keys, or an empty string."""
    if action not in known:
        group = action.partition(".")[0]
        similar = sorted(name for name in known if name.startswith(f"{group}."))
        groups = sorted({f"{name.partition('.')[0]}.…" for name in known})
        return f"unknown action; actions: {', '.join(similar or groups)}"
    invalid = [key.strip() for key in keys.split(",") if not _is_key(key.strip())]
    return f"{invalid[0]!r} is not a key: write x, X, f5 or ctrl+x" if invalid else ""


def _clash(keymap: Mapping[str, str], place: Iterable[Binding]) -> tuple[str, str, str] | None:
    """Return an action whose custom key is taken in this place: the action, the key and its owner."""
    owners: dict[str, str] = {}
    # Actions with default keys come first and therefore own their keys.
    for binding in sorted(place, key=lambda binding: binding.id in keymap):
        action = binding.id or binding.description
        for single in Binding.make_bindings([replace(binding, key=keymap.get(action, binding.key))]):
            owner = owners.setdefault(single.key, action)
            if owner != action and action in keymap:
                return action, format_key(single.key), owner
    return None


def _is_key(key: str) -> bool:
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    named = last in {*(known.value for known in Keys), *REPLACED_KEYS} or key_to_character(last) is not None
    return set(modifiers) <= {"ctrl", "shift", "alt"} and (len(last) == 1 or named)
