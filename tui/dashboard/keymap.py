"""The keys of ttsdash, not Textual's own for scrolling: what `?`, the palette and the settings know of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from textual.app import App
from textual.binding import Binding
from textual.keys import REPLACED_KEYS, Keys, format_key, key_to_character


def own_bindings(kind: type) -> list[Binding]:
    """Those that a class of ttsdash declares, and the classes of ttsdash that it is made of."""
    ours = [base for base in kind.__mro__ if base.__module__.startswith("tui.")]
    return [binding for base in ours for binding in vars(base).get("BINDINGS", [])]


def active_keys(app: App[None]) -> list[tuple[str, str]]:
    """The keys that work where the focus is, and what each does."""
    lines: dict[str, list[str]] = {}
    for active in app.screen.active_bindings.values():
        binding = active.binding
        declared = {(one.action, one.description) for one in own_bindings(type(active.node))}
        if binding.description and (binding.action, binding.description) in declared:
            lines.setdefault(binding.description, []).append(app.get_key_display(binding))
    return [(", ".join(keys), does) for does, keys in lines.items()]


@dataclass(frozen=True)
class Keymap:
    """The keys that were given to actions, as far as that can be, and what is wrong with the others, a line each."""

    keys: dict[str, str]
    problems: list[str]


def read_keymap(wanted: Mapping[str, str], panes: Iterable[type], everywhere: Iterable[type]) -> Keymap:
    """Of several actions that want one key at the same place, the one that has it by itself keeps it."""
    common = [binding for kind in everywhere for binding in own_bindings(kind)]
    places = [[*own_bindings(pane), *common] for pane in panes]
    known = {binding.id for place in places for binding in place if binding.id}
    problems = {action: problem for action, keys in wanted.items() if (problem := _problem(action, keys, known))}
    taken = {action: keys for action, keys in wanted.items() if action not in problems}
    while clash := next(filter(None, (_clash(taken, place) for place in places)), None):
        action, key, other = clash
        del taken[action]
        problems[action] = f"{key!r} is the key of {other} already: give that another one, too"
    return Keymap(taken, [f"ttsdash.yaml: keys: {action}: {problem}" for action, problem in problems.items()])


def _problem(action: str, keys: str, known: set[str]) -> str:
    """Why an action cannot have these keys; nothing if it can."""
    if action not in known:
        part = action.partition(".")[0]
        near = sorted(name for name in known if name.startswith(f"{part}.")) or sorted(
            {f"{name.partition('.')[0]}. …" for name in known}
        )
        return f"there is no such action; there is {', '.join(near)}"
    wrong = [key.strip() for key in keys.split(",") if not _is_key(key.strip())]
    return f"{wrong[0]!r} is no key; such as x, X, f5 or ctrl+x" if wrong else ""


def _clash(keymap: Mapping[str, str], place: Iterable[Binding]) -> tuple[str, str, str] | None:
    """An action that was given a key which another one has there: that action, the key, and the other."""
    owners: dict[str, str] = {}
    # What has its keys by itself comes first, and so is the owner.
    for binding in sorted(place, key=lambda binding: binding.id in keymap):
        action = binding.id or binding.description
        for one in Binding.make_bindings([replace(binding, key=keymap.get(action, binding.key))]):
            owner = owners.setdefault(one.key, action)
            if owner != action and action in keymap:
                return action, format_key(one.key), owner
    return None


def _is_key(key: str) -> bool:
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    named = last in {*(known.value for known in Keys), *REPLACED_KEYS} or key_to_character(last) is not None
    return set(modifiers) <= {"ctrl", "shift", "alt"} and (len(last) == 1 or named)
