"""Reads requests: JSON objects with fields of known types."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from serve.errors import Refused, TooLarge

MAX_BYTES = 262_144
"""The largest body of a request."""


async def read_body(request: Request) -> bytes:
    """Return the body. Raises TooLarge."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BYTES:
            raise TooLarge(f"the request has more than {MAX_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


async def read_json(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request; an empty one for an empty body. Raises Refused."""
    body = await read_body(request)
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
        # A lone surrogate cannot be spoken, stored or sent back.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Refused("the body is not valid JSON") from error
    if not isinstance(value, dict):
        raise Refused("the body must be a JSON object")
    return value


def text_of(values: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """Return a field that is a text. Raises Refused if it is missing and has no default."""
    value = values.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise Refused(f"{name} must be a text" if name in values else f"{name} is missing", name)
    return value


def optional_text(values: Mapping[str, Any], name: str) -> str | None:
    """Return a field that is a text or missing. Raises Refused."""
    return None if values.get(name) is None else text_of(values, name)


def optional_number(values: Mapping[str, Any], name: str) -> float | None:
    """Return a field that is a number or missing. Raises Refused."""
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(f"{name} must be a number", name)
    try:
        return float(value)
    except OverflowError as error:
        raise Refused(f"{name} is too large", name) from error


def speaker_of(values: Mapping[str, Any], *names: str) -> str | int | None:
    """Return the speaker, a name or a number, of the first of these fields that is given. Raises Refused."""
    for name in names or ("speaker",):
        value = values.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise Refused(f"{name} must be a name or a number", name)
        return value
    return None
