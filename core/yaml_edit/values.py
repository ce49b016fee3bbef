"""The single values of a YAML tree: which of them a dotted key can name, and why it cannot name the others."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from core.yaml_edit.scalar import Value, parse_scalar
from core.yaml_edit.tree import Node

MERGE = "<<"


class Obstacle(StrEnum):
    """Why a dotted key cannot name a value."""

    LIST = "in a list"
    NAME = "under a name with a dot"
    NO_NAME = "under a key that is not a name"
    SHARED = "used in several places, & and *"
    MERGED = "merged, <<"


@dataclass(frozen=True)
class FoundValue:
    """A value with its place: a dotted key, or where there is an obstacle, a text like `tts.voices[0]` or `'tts.model'`."""

    place: str
    value: Value
    line: int
    obstacle: Obstacle | None


def values_below(node: Node, place: str = "", obstacle: Obstacle | None = None) -> Iterator[FoundValue]:
    """Yield the values below a node that are not null, each where it is written."""
    if node.shared:
        obstacle = obstacle or Obstacle.SHARED
    if node.kind == "scalar" and place:
        value = parse_scalar(node)
        if value is not None:
            yield FoundValue(place, value, node.line, obstacle)
    elif node.kind == "list":
        for number, entry in enumerate(node.children):
            yield from values_below(entry, f"{place}[{number}]", obstacle or Obstacle.LIST)
    for key, below in node.pairs:
        name = key.value if key.kind == "scalar" else "?"
        hidden = _obstacle_of(key)
        shown = repr(name) if hidden is Obstacle.NAME else name
        yield from values_below(below, f"{place}.{shown}" if place else shown, obstacle or hidden)


def _obstacle_of(key: Node) -> Obstacle | None:
    """Return why no dotted key can have this key as one of its names."""
    if key.kind != "scalar" or not key.value:
        return Obstacle.NO_NAME
    if key.value == MERGE:
        return Obstacle.MERGED
    return Obstacle.NAME if "." in key.value else None
