"""Parse a YAML text into a tree that records where each value is in the text. No objects are built: no tag can run code."""

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

_MAX_DEPTH = 100
_COMMENT = re.compile(r"(?<!\S)#[^\r\n\x85\u2028\u2029]*")
_NULLS = ("", "~", "null", "Null", "NULL")


@dataclass(eq=False)
class Node:
    """A value in the text from `start` to `end`, without the comments and line breaks that follow."""

    kind: Literal["scalar", "mapping", "list", "alias"]
    start: int
    end: int
    line: int
    column: int
    value: str = ""
    """The text of a scalar, or the anchor that an alias names."""
    style: str | None = None
    """The quote character of a scalar, or the indicator of its block; None for a plain scalar."""
    tag: str | None = None
    anchor: str | None = None
    flow: bool = False
    """Whether it is a collection in brackets, or inside one."""
    children: list["Node"] = field(default_factory=list)
    """The entries of a list, or the keys and values of a mapping, alternating."""
    target: "Node | None" = None
    """The value that an alias refers to."""
    shared: bool = False
    """Whether an alias refers to it."""

    @property
    def is_null(self) -> bool:
        """Return whether it is a null, an empty value included."""
        return self.kind == "scalar" and self.is_plain and self.value in _NULLS

    @property
    def is_plain(self) -> bool:
        """Return whether it has neither quotes nor a tag."""
        return self.style is None and self.tag is None

    @property
    def pairs(self) -> list[tuple["Node", "Node"]]:
        """Return the keys and values of a mapping; nothing for other nodes."""
        both = self.children if self.kind == "mapping" else []
        return list(zip(both[::2], both[1::2], strict=True))

    def values_of(self, name: str) -> list["Node"]:
        """Return the values of a key in this mapping itself: several if the key is repeated."""
        return [value for key, value in self.pairs if key.kind == "scalar" and key.value == name]


def parse(text: str, name: str) -> Node:
    """Return the root of a YAML text; a null at its end if it is empty. Messages refer to the text as `name`.

    Raises InvalidInput if it is not YAML, or holds several documents.
    """
    builder = _Builder(text, name)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.handle(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _not_yaml(name, mark.line + 1 if mark else 1, error.problem or error.context) from error
    except YAMLError as error:
        # Raised by the reader for a character that YAML does not allow.
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        raise _not_yaml(name, line, getattr(error, "reason", error)) from error
    except (ValueError, OverflowError) as error:
        # Raised by the scanner for an escape of a character that does not exist.
        raise _not_yaml(name, builder.line, error) from error
    return builder.root or Node("scalar", len(text), len(text), text.count("\n") + 1, 0)


def _not_yaml(name: str, line: int, problem: object) -> InvalidInput:
    return InvalidInput(f"{name} is not YAML (line {line}: {problem}): fix it first")


class _Builder:
    """Builds the tree from the parser's events."""

    def __init__(self, text: str, name: str) -> None:
        self.root: Node | None = None
        self._text, self._name = text, name
        self._open: list[Node] = []
        self._anchors: dict[str, Node] = {}
        self._last = 0
        """The end of the last token."""

    @property
    def line(self) -> int:
        """Return the line number of the last token."""
        return self._text.count("\n", 0, self._last) + 1

    def handle(self, event: Any) -> None:
        """Add what an event of the parser stands for."""
        if isinstance(event, DocumentStartEvent):
            if self.root is not None:
                raise InvalidInput(
                    f"{self._name} contains several YAML documents (another begins in line "
                    f"{event.start_mark.line + 1}): keep only one"
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
        if len(self._open) == _MAX_DEPTH:
            raise InvalidInput(f"{self._name} has more than {_MAX_DEPTH} levels (line {event.start_mark.line + 1})")
        node = self._node("mapping" if isinstance(event, MappingStartEvent) else "list", event)
        node.flow = bool(event.flow_style)
        self._add(node)
        self._open.append(node)

    def _close(self, event: Any) -> None:
        node = self._open.pop()
        # For the parser a block ends where the next token begins.
        node.end = self._last = event.end_mark.index if node.flow else node.children[-1].end

    def _scalar(self, event: Any) -> Node:
        node = self._node("scalar", event)
        node.value, node.style = event.value, event.style
        if node.start == node.end:
            node.start = node.end = self._end_before(node.start)
        elif node.style in ("|", ">"):
            node.end = node.start + len(self._text[node.start : node.end].rstrip())
        return node

    def _end_before(self, mark: int) -> int:
        """Return where an empty value belongs, right after its `:` or `-`: for the parser it is where the next token begins."""
        between = _COMMENT.sub(lambda found: " " * len(found[0]), self._text[self._last : mark])
        return self._last + len(between.rstrip())

    def _alias(self, event: Any) -> Node:
        node = self._node("alias", event)
        node.value, node.anchor = event.anchor, None
        node.target = self._anchors.get(event.anchor)
        if node.target is None:
            raise _not_yaml(self._name, node.line, f"*{event.anchor} refers to no anchor")
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
