"""Waiting for conditions, never for luck."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout: float = 60.0) -> T:
    """The first true value of the condition. Fails when none comes in time."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"nothing came of it in {timeout} s"
        time.sleep(0.02)
