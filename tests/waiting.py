"""Waits for a condition, with a limit, instead of sleeping for a while."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout: float = 60.0) -> T:
    """Return the first true value of the condition; fail if there is none in time."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"the condition was not true within {timeout} s"
        time.sleep(0.02)
