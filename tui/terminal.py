"""What the terminal can do: whether it can move its cursor, which the dashboard and progress bars need."""

import os
from functools import cache
from typing import TextIO


def is_screen(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that can move its cursor, which a printer or Emacs's shell cannot."""
    return stream.isatty() and can_move_cursor()


@cache
def can_move_cursor() -> bool:
    """Return whether $TERM names a terminal that can move its cursor. One that this machine does not know can."""
    try:
        import curses
    except ImportError:
        return os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")
    name = os.environ.get("TERM", "")
    try:
        curses.setupterm(name or "dumb", fd=2)
    except curses.error:
        return name not in ("", "dumb", "unknown")
    return bool(curses.tigetstr("cup"))
