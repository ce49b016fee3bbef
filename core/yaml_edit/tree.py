"""A YAML text as a tree that knows where in the text each value stands. Nothing is built from it, so no tag can run."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
)

from core.errors import InvalidInput

_DEEPEST = 100
_COMMENT = re.compile(r"(?<!\S)#[^\r\n\x85\u2028\u2029]*")
_NULLS = ("", "~", "null", "Null", "NULL")


@dataclass(eq=False)
class Node:
    """A value in the text, which reaches from `start` to `end`; comments and line breaks behind it do not count."""

    kind: Literal["scalar", "mapping", "list", "alias"]
    start: int
    end: int
    line: int
    column: int
    value: str = ""
    """What a scalar says; the anchor that an alias names."""
    style: str | None = None
    """The character that a scalar is quoted with, or that opens its block; None for a plain one."""
    tag: str | None = None
    anchor: str | None = None
    flow: bool = False
    """A collection in brackets, or a value inside of one."""
    children: list["Node"] = field(default_factory=list)
    """The entries of a list; keys and values of a mapping, by turns."""
    target: "Node | None" = None
    """What an alias stands for."""
    shared: bool = False
    """An alias stands for it."""

    @property
    def is_null(self) -> bool:
        return self.kind == "scalar" and self.is_plain and self.value in _NULLS

    @property
    def is_plain(self) -> bool:
        return self.style is None and self.tag is None

    @property
    def pairs(self) -> list[tuple["Node", "Node"]]:
        """Of a mapping; what is no mapping has none."""
        both = self.children if self.kind == "mapping" else []
        return list(zip(both[::2], both[1::2], strict=True))

    def values_of(self, name: str) -> list["Node"]:
        """What stands under a key of this mapping itself; several when the key is there more than once."""
        return [value for key, value in self.pairs if key.kind == "scalar" and key.value == name]


def parse(text: str, name: str) -> Node:
    """The tree of a text that holds one document at most; a null at the end of a text that holds none.

    Raises BadInput, which calls the text `name`.
    """
    builder = _Builder(text, name)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _no_yaml(name, mark.line + 1 if mark else 1, error.problem or error.context) from error
    except YAMLError as error:
        # The reader's, of a character that YAML does not allow.
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        raise _no_yaml(name, line, getattr(error, "reason", error)) from error
    except (ValueError, OverflowError) as error:
        # The scanner's, of an escape for a character that there is not.
        raise _no_yaml(name, builder.line, error) from error
    return builder.root or Node("scalar", len(text), len(text), text.count("\n") + 1, 0)


def _no_yaml(name: str, line: int, problem: object) -> InvalidInput:
    return InvalidInput(f"{name} is not YAML (line {line}: {problem}): mend it first")


class _Builder:
    """Puts the tree together from the parser's events."""

    def __init__(self, text: str, name: str) -> None:
        self.root: Node | None = None
        self._text, self._name = text, name
        self._open: list[Node] = []
        self._anchors: dict[str, Node] = {}
        self._last = 0
        """Where the last thing that was seen ends."""

    @property
    def line(self) -> int:
        return self._text.count("\n", 0, self._last) + 1

    def take(self, event: Any) -> None:
        if isinstance(event, DocumentStartEvent):
            if self.root is not None:
                raise InvalidInput(
                    f"{self._name} holds several YAML documents (line {event.start_mark.line + 1} begins another): "
                    "it must be one"
                )
            self._last = max(self._last, event.end_mark.index if event.explicit else 0)
        elif isinstance(event, CollectionStartEvent):
            self._begin(event)
        elif isinstance(event, CollectionEndEvent):
            self._close(event)
        elif isinstance(event, ScalarEvent):
            self._add(self._scalar(event))
        elif isinstance(event, AliasEvent):
            self._add(self._alias(event))

    def _begin(self, event: Any) -> None:
        if len(self._open) == _DEEPEST:
            raise InvalidInput(f"{self._name} is nested more than {_DEEPEST} deep (line {event.start_mark.line + 1})")
        node = self._node("mapping" if isinstance(event, MappingStartEvent) else "list", event)
        node.flow = bool(event.flow_style)
        self._add(node)
        self._open.append(node)

    def _close(self, event: Any) -> None:
        node = self._open.pop()
        # The parser lets a block end where the next thing begins.
        node.end = self._last = event.end_mark.index if node.flow else node.children[-1].end

    def _scalar(self, event: Any) -> Node:
        node = self._node("scalar", event)
        node.value, node.style = event.value, event.style
        if node.start == node.end:
            node.start = node.end = self._after_what_precedes(node.start)
        elif node.style in ("|", ">"):
            node.end = node.start + len(self._text[node.start : node.end].rstrip())
        return node

    def _after_what_precedes(self, mark: int) -> int:
        """Where an empty value belongs, just behind its `:` or `-`; the parser marks it where the next thing begins."""
        between = _COMMENT.sub(lambda found: " " * len(found[0]), self._text[self._last : mark])
        return self._last + len(between.rstrip())

    def _alias(self, event: Any) -> Node:
        node = self._node("alias", event)
        node.value, node.anchor = event.anchor, None
        node.target = self._anchors.get(event.anchor)
        if node.target is None:
            raise _no_yaml(self._name, node.line, f"*{event.anchor} stands for nothing")
        node.target.shared = True
        return node

    def _node(self, kind: Literal["scalar", "mapping", "list", "alias"], event: Any) -> Node:
        start, end = event.start_mark, event.end_mark
        node = Node(kind, start.index, end.index, start.line + 1, start.column, anchor=event.anchor)
        node.tag = str(event.tag) if getattr(event, "tag", None) else None
        node.flow = bool(self._open) and self._open[-1].flow
        return node

    def _add(self, node: Node) -> None:
        self._last = node.end
        if node.anchor:
            self._anchors[node.anchor] = node
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node
