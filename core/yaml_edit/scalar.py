"""Read and write single YAML values."""

import re

from core.yaml_edit.tree import Node

Value = bool | int | str

# Needs no quotes in any YAML version: absolute paths without special characters.
_PLAIN = re.compile(r"/[\w./+=@~-]*")
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def parse_scalar(node: Node) -> Value | None:
    """Return the value of a scalar, None for a null."""
    if node.is_null:
        return None
    if node.is_plain and node.value in _BOOLEANS:
        return _BOOLEANS[node.value]
    if node.is_plain and _INTEGER.fullmatch(node.value):
        return int(node.value)
    return node.value


def format_scalar(value: Value, style: str | None = None) -> str:
    """Return a value as YAML. A string gets the quotes of `style` if they can represent it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if style == '"' or not value.isprintable():
        return f'"{"".join(map(_escape, value))}"'
    if style == "'" or not _PLAIN.fullmatch(value):
        return "'" + value.replace("'", "''") + "'"
    return value


def _escape(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
