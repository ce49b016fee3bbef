"""A YAML text in which some keys are set and every other byte stays.

A YAML library that writes a whole document anew moves comments, quotes and line breaks. Here the text itself is edited
where a value stands or belongs, and what came of it is read again and held against what was there.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from core.errors import InvalidInput, TtsdashError
from core.yaml_edit.scalar import Value, read, written
from core.yaml_edit.tree import Node, parse

_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
# A comment on a line of its own, with the blank lines above it. One that stands deeper than a key belongs to what is above.
_COMMENT = re.compile(r"(?:\r\n|[\r\n])(?:[ \t]*(?:\r\n|[\r\n]))*(?P<indent> *)#[^\r\n\x85\u2028\u2029]*")
_MERGE = "<<"


class NotPlaced(TtsdashError):
    """No sure place for a key was found in the text; the values are to be set by hand."""

    def __init__(self, message: str, values: Mapping[str, Value]) -> None:
        super().__init__(message)
        self.values = values


@dataclass
class _Gap:
    """Keys that are missing in a mapping, or in a null that is to become one."""

    node: Node
    column: int
    keys: dict[str, Any] = field(default_factory=dict)
    """By name; the keys of a mapping that is missing itself are such a dictionary again."""

    def add(self, names: Sequence[str], value: Value) -> None:
        keys = self.keys
        for name in names[:-1]:
            keys = keys.setdefault(name, {})
        keys[names[-1]] = value


@dataclass(frozen=True)
class _Edit:
    start: int
    end: int
    text: str
    column: float = inf
    """Of several edits at one place the one that reaches deeper comes first, and before all what fills an empty value."""


class Document:
    """The text of a configuration. Keys are dotted: `models.tts.piper.voice_path`."""

    def __init__(self, text: str, name: str) -> None:
        """Raises BadInput for what is not one YAML document; messages call it `name`."""
        self._text, self._name = text, name
        self._root = parse(text, name)

    def value(self, key: str) -> Value | None:
        """What the key is set to, through aliases and merges, too; None if it is absent, null, or no single value."""
        node: Node | None = self._root
        for name in key.split("."):
            node = node and _looked_up(node, name, set())
        node = node and (node.target or node)
        return read(node) if node and node.kind == "scalar" else None

    def edited(self, values: Mapping[str, Value]) -> str:
        """The text with the keys set to these values.

        Raises BadInput where a key cannot be set without changing another place, NotPlaced where the layout is too odd.
        """
        edits, gaps = [], dict[int, _Gap]()
        for key, value in values.items():
            node, column, missing = self._reach(key)
            if missing:
                gaps.setdefault(id(node), _Gap(node, column)).add(missing, value)
            else:
                edits.append(self._replacement(node, value))
        edits += [self._filling(gap) for gap in gaps.values()]
        text = self._text
        for edit in sorted(edits, key=lambda edit: (edit.start, -edit.column), reverse=True):
            text = text[: edit.start] + edit.text + text[edit.end :]
        self._check(text, values)
        return text

    def _reach(self, key: str) -> tuple[Node, int, list[str]]:
        """The value of a key; or what lacks it, with the column and the names of what is missing there."""
        node, column, names = self._root, 0, key.split(".")
        for depth, name in enumerate(names):
            self._refuse_shared(node, key)
            if node.is_null:
                return node, column, names[depth:]
            if node.kind != "mapping":
                where = ".".join(names[:depth]) or "its top level"
                raise InvalidInput(f"{self._name}: {where} is no mapping (line {node.line}), so {key} cannot be set")
            found, column = node.values_of(name), node.children[0].column if node.children else column
            if len(found) > 1:
                raise InvalidInput(
                    f"{self._name} has {name} twice (line {found[1].line}): remove one, then {key} can be set"
                )
            if not found:
                self._refuse_inherited(node, name, key)
                return node, column, names[depth:]
            node, column = found[0], column + self._step
        self._refuse_shared(node, key)
        if node.kind != "scalar":
            raise InvalidInput(f"{self._name}: {key} is a {node.kind} (line {node.line}): make it a single value")
        return node, column, []

    def _refuse_shared(self, node: Node, key: str) -> None:
        if node.kind == "alias" or node.shared:
            raise InvalidInput(
                f"{self._name} uses one value in several places (line {node.line}, & and *), so {key} is not changed: "
                "set it by hand"
            )

    def _refuse_inherited(self, node: Node, name: str, key: str) -> None:
        if _looked_up(node, name, set()):
            raise InvalidInput(
                f"{self._name} merges {name} into line {node.line} from elsewhere (<<): set {key} by hand"
            )

    @property
    def _step(self) -> int:
        """How far this text indents."""
        for outer in _mappings(self._root):
            for _, inner in outer.pairs:
                if inner.kind == "mapping" and not inner.flow:
                    return inner.children[0].column - outer.children[0].column
        return 2

    @property
    def _newline(self) -> str:
        found = re.search(r"\r\n|[\r\n]", self._text)
        return found[0] if found else "\n"

    def _replacement(self, node: Node, value: Value) -> _Edit:
        text = written(value, node.style)
        if node.style in ("|", ">"):
            _, mark, comment = _BREAK.split(self._text[node.start : node.end])[0].partition(" #")
            text += mark + comment
        if node.anchor:
            text = f"&{node.anchor} {text}"
        return _Edit(node.start, node.end, f" {text}" if node.start == node.end else text)

    def _filling(self, gap: _Gap) -> _Edit:
        node = gap.node
        if node.kind == "mapping" and node.flow:
            keys = ", ".join(_in_brackets(gap.keys))
            place = node.children[-1].end if node.children else node.end - 1
            return _Edit(place, place, f", {keys}" if node.children else keys, column=0)
        if node.kind == "mapping" or (node.start == node.end and not node.flow):
            return self._inserted(node.end, list(_lines(gap.keys, gap.column, self._step)), gap.column)
        keys = f"{{{', '.join(_in_brackets(gap.keys))}}}"
        if node.anchor:
            keys = f"&{node.anchor} {keys}"
        return _Edit(node.start, node.end, f" {keys}" if node.start == node.end else keys)

    def _inserted(self, place: int, lines: list[str], column: int) -> _Edit:
        """Lines below the one that `place` is in, or there if a line begins at it."""
        block = self._newline.join(lines)
        if not self._text[:place].strip("\ufeff") or _BREAK.match(self._text, place - 1):
            return _Edit(place, place, block + self._newline, column)
        place = self._line_end(place)
        while (comment := _COMMENT.match(self._text, place)) and len(comment["indent"]) > column:
            place = comment.end()
        return _Edit(place, place, self._newline + block, column)

    def _line_end(self, place: int) -> int:
        found = _BREAK.search(self._text, place)
        return found.start() if found else len(self._text)

    def _check(self, text: str, values: Mapping[str, Value]) -> None:
        """Raises NotPlaced unless the text says what was asked for, and of all else what it said before."""
        try:
            after = Document(text, self._name)
        except InvalidInput:
            after = None
        keys = [tuple(key.split(".")) for key in values]
        if (
            after is None
            or any((type(after.value(key)), after.value(key)) != (type(value), value) for key, value in values.items())
            or list(_others(after._root, keys)) != list(_others(self._root, keys))
        ):
            raise NotPlaced(
                f"{self._name} is not changed, as its layout leaves no sure place: set by hand {', '.join(values)}",
                values,
            )


def _looked_up(node: Node, name: str, seen: set[int]) -> Node | None:
    """What a mapping has under a key, itself or by merges, as YAML reads it."""
    node = node.target or node
    if id(node) in seen:
        return None
    seen.add(id(node))
    own = node.values_of(name)
    if own:
        return own[-1]
    merged = [(each.target or each) for each in node.values_of(_MERGE)]
    sources = [source for each in merged for source in (each.children if each.kind == "list" else [each])]
    return next((found for source in sources if (found := _looked_up(source, name, seen))), None)


def _mappings(node: Node) -> Iterator[Node]:
    if node.kind == "mapping":
        yield node
    for child in node.children:
        yield from _mappings(child)


def _others(root: Node, keys: Sequence[tuple[str, ...]]) -> Iterator[tuple[Any, ...]]:
    """All that a tree says, but for these keys and for what leads to them."""
    for path, node in _walk(root, ()):
        if not any(key[: len(path)] == path for key in keys):
            yield path, node.kind, node.value, node.style, node.tag, node.anchor


def _walk(node: Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Node]]:
    yield path, node
    for number, (key, value) in enumerate(node.pairs):
        below = (*path, key.value if key.kind == "scalar" else f"?{number}")
        yield from _walk(key, below)
        yield from _walk(value, below)
    if node.kind == "list":
        for number, entry in enumerate(node.children):
            yield from _walk(entry, (*path, f"-{number}"))


def _lines(keys: Mapping[str, Any], column: int, step: int) -> Iterator[str]:
    for name, value in keys.items():
        if isinstance(value, dict):
            yield f"{' ' * column}{name}:"
            yield from _lines(value, column + step, step)
        else:
            yield f"{' ' * column}{name}: {written(value)}"


def _in_brackets(keys: Mapping[str, Any]) -> Iterator[str]:
    for name, value in keys.items():
        if isinstance(value, dict):
            yield f"{name}: {{{', '.join(_in_brackets(value))}}}"
        else:
            yield f"{name}: {written(value)}"
