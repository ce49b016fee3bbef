"""Optional packages that a command needs."""

import importlib.util

from core.errors import InvalidInput
from core.processes import pip_install

_SERVE = ("lameenc", "sentence_stream", "soxr", "starlette", "uvicorn", "wyoming")


def require_serve() -> None:
    """Raise InvalidInput if a package of the extra `serve` is missing."""
    missing = [name for name in _SERVE if importlib.util.find_spec(name) is None]
    if missing:
        raise InvalidInput(f"speaking needs packages that are not installed: {pip_install('ttsdash[serve]')}")
