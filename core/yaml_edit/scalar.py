"""Single values: how they are written in YAML, and what is read from them."""

import re

from core.yaml_edit.tree import Node

Value = bool | int | str

# What is one word to every YAML: absolute paths without anything that could mean more.
_PLAIN = re.compile(r"/[\w./+=@~-]*")
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def read(node: Node) -> Value | None:
    """What a scalar says; None for a null."""
    if node.is_null:
        return None
    if node.is_plain and node.value in _TRUTHS:
        return _TRUTHS[node.value]
    if node.is_plain and _WHOLE.fullmatch(node.value):
        return int(node.value)
    return node.value


def written(value: Value, style: str | None = None) -> str:
    """A value as it stands in YAML; a text in the quotes that `style` names, where they can hold it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if style == '"' or not value.isprintable():
        return f'"{"".join(map(_escaped, value))}"'
    if style == "'" or not _PLAIN.fullmatch(value):
        return "'" + value.replace("'", "''") + "'"
    return value


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
