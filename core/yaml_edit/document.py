"""Set some keys of a YAML text and leave every other byte unchanged.

A YAML library that writes the whole document moves comments, quotes and line breaks. Here the text is edited where a value
is or belongs; then the result is parsed and compared with the original.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from core.errors import InvalidInput, TtsdashError
from core.yaml_edit.scalar import Value, format_scalar, parse_scalar
from core.yaml_edit.tree import Node, parse
from core.yaml_edit.values import MERGE, FoundValue, values_below

_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
# A comment on a separate line, with the blank lines above it. If it is indented deeper than a key, it belongs to that key.
_COMMENT = re.compile(r"(?:\r\n|[\r\n])(?:[ \t]*(?:\r\n|[\r\n]))*(?P<indent> *)#[^\r\n\x85\u2028\u2029]*")


class NoSafeEdit(TtsdashError):
    """No safe place for a key was found in the text: the user has to set the values."""

    def __init__(self, message: str, values: Mapping[str, Value]) -> None:
        super().__init__(message)
        self.values = values


@dataclass
class _Gap:
    """Keys to add to a mapping, or to a null that becomes one."""

    node: Node
    column: int
    keys: dict[str, Any] = field(default_factory=dict)
    """Values by name; a nested dictionary for a mapping that is missing too."""

    def add(self, names: Sequence[str], value: Value) -> None:
        """Add a value below a path of key names."""
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
    """Orders edits at one position: the deepest first, and what fills an empty value before all others."""


class Document:
    """The text of a configuration. Keys are dotted: `models.tts.piper.voice_path`."""

    def __init__(self, text: str, name: str) -> None:
        """Raise InvalidInput if the text is not a single YAML document. Messages refer to it as `name`."""
        self._text, self._name = text, name
        self._root = parse(text, name)

    def value(self, key: str) -> Value | None:
        """Return the value of a key, through aliases and merges; None if it is absent, null, or a collection."""
        node = self._node(key)
        return parse_scalar(node) if node and node.kind == "scalar" else None

    def _node(self, key: str) -> Node | None:
        node: Node | None = self._root
        for name in key.split("."):
            node = node and _look_up(node, name, set())
        return node and (node.target or node)

    def has(self, key: str) -> bool:
        """Return whether a key is there, even if it is null; through aliases and merges."""
        return self._node(key) is not None

    def is_empty(self, key: str) -> bool:
        """Return whether a key is there, and null."""
        node = self._node(key)
        return node is not None and node.is_null

    def found_values(self) -> Iterator[FoundValue]:
        """Yield every single value with the key that sets it, or with why no key can."""
        return values_below(self._root)

    def with_values(self, values: Mapping[str, Value]) -> str:
        """Return the text with keys set to these values.

        Raises InvalidInput if a key cannot be set without changing something else, NoSafeEdit for an unusual layout.
        """
        edits, gaps = [], dict[int, _Gap]()
        for key, value in values.items():
            node, column, missing = self._find(key)
            if missing:
                gaps.setdefault(id(node), _Gap(node, column)).add(missing, value)
            else:
                edits.append(self._replace(node, value))
        edits += [self._fill(gap) for gap in gaps.values()]
        text = self._text
        for edit in sorted(edits, key=lambda edit: (edit.start, -edit.column), reverse=True):
            text = text[: edit.start] + edit.text + text[edit.end :]
        self._check(text, values)
        return text

    def _find(self, key: str) -> tuple[Node, int, list[str]]:
        """Return the node of a key; or the node that lacks it, with the column and the names of the missing keys."""
        node, column, names = self._root, 0, key.split(".")
        for depth, name in enumerate(names):
            self._refuse_shared(node, key)
            if node.is_null:
                return node, column, names[depth:]
            if node.kind != "mapping":
                where = ".".join(names[:depth]) or "its top level"
                raise InvalidInput(f"{self._name}: {where} is not a mapping (line {node.line}), so {key} cannot be set")
            found, column = node.values_of(name), node.children[0].column if node.children else column
            if len(found) > 1:
                raise InvalidInput(
                    f"{self._name} sets {name} twice (line {found[1].line}): remove one, then {key} can be set"
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
                f"{self._name} uses one value in several places (line {node.line}, & and *), so {key} cannot be set: "
                "change it yourself"
            )

    def _refuse_inherited(self, node: Node, name: str, key: str) -> None:
        if _look_up(node, name, set()):
            raise InvalidInput(
                f"{self._name} merges {name} into line {node.line} (<<), so {key} cannot be set: change it yourself"
            )

    @property
    def _step(self) -> int:
        """Return the indentation width of this text."""
        for outer in _mappings(self._root):
            for _, inner in outer.pairs:
                if inner.kind == "mapping" and not inner.flow:
                    return inner.children[0].column - outer.children[0].column
        return 2

    @property
    def _newline(self) -> str:
        found = re.search(r"\r\n|[\r\n]", self._text)
        return found[0] if found else "\n"

    def _replace(self, node: Node, value: Value) -> _Edit:
        text = format_scalar(value, node.style)
        if node.style in ("|", ">"):
            _, mark, comment = _BREAK.split(self._text[node.start : node.end])[0].partition(" #")
            text += mark + comment
        if node.anchor:
            text = f"&{node.anchor} {text}"
        return _Edit(node.start, node.end, f" {text}" if node.start == node.end else text)

    def _fill(self, gap: _Gap) -> _Edit:
        node = gap.node
        if node.kind == "mapping" and node.flow:
            keys = ", ".join(_flow_entries(gap.keys))
            position = node.children[-1].end if node.children else node.end - 1
            return _Edit(position, position, f", {keys}" if node.children else keys, column=0)
        if node.kind == "mapping" or (node.start == node.end and not node.flow):
            return self._insert(node.end, list(_lines(gap.keys, gap.column, self._step)), gap.column)
        keys = f"{{{', '.join(_flow_entries(gap.keys))}}}"
        if node.anchor:
            keys = f"&{node.anchor} {keys}"
        return _Edit(node.start, node.end, f" {keys}" if node.start == node.end else keys)

    def _insert(self, position: int, lines: list[str], column: int) -> _Edit:
        """Insert lines below the line of a position, or at the position if that is the start of a line."""
        block = self._newline.join(lines)
        if not self._text[:position].strip("\ufeff") or _BREAK.match(self._text, position - 1):
            return _Edit(position, position, block + self._newline, column)
        position = self._line_end(position)
        while (comment := _COMMENT.match(self._text, position)) and len(comment["indent"]) > column:
            position = comment.end()
        return _Edit(position, position, self._newline + block, column)

    def _line_end(self, position: int) -> int:
        found = _BREAK.search(self._text, position)
        return found.start() if found else len(self._text)

    def _check(self, text: str, values: Mapping[str, Value]) -> None:
        """Raise NoSafeEdit unless the new text has the wanted values and nothing else has changed."""
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
            raise NoSafeEdit(
                f"{self._name} was not changed: its layout leaves no safe place for {', '.join(values)}; set them yourself",
                values,
            )


def _look_up(node: Node, name: str, seen: set[int]) -> Node | None:
    """Return the value of a key in a mapping or in what is merged into it, as a YAML reader finds it."""
    node = node.target or node
    if id(node) in seen:
        return None
    seen.add(id(node))
    own = node.values_of(name)
    if own:
        return own[-1]
    merged = [(each.target or each) for each in node.values_of(MERGE)]
    sources = [source for each in merged for source in (each.children if each.kind == "list" else [each])]
    return next((found for source in sources if (found := _look_up(source, name, seen))), None)


def _mappings(node: Node) -> Iterator[Node]:
    if node.kind == "mapping":
        yield node
    for child in node.children:
        yield from _mappings(child)


def _others(root: Node, keys: Sequence[tuple[str, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield all nodes except these keys and their parents, for a comparison."""
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
            yield f"{' ' * column}{name}: {format_scalar(value)}"


def _flow_entries(keys: Mapping[str, Any]) -> Iterator[str]:
    for name, value in keys.items():
        if isinstance(value, dict):
            yield f"{name}: {{{', '.join(_flow_entries(value))}}}"
        else:
            yield f"{name}: {format_scalar(value)}"
