"""Collects garbage when no key is pressed: Python goes through all that lives, which here takes over a tenth of a second."""

import gc
import time

# So many collections of the middle generation make a full one due: what Python takes by itself, and what it waits for here.
_DUE, _AT_LAST = 10, 200


class IdleCollector:
    """Puts full collections off until nobody waits for an answer."""

    def __init__(self, quiet_s: float = 1.0) -> None:
        """Collect after so many seconds without a key."""
        self._quiet_s = quiet_s
        self._touched = time.monotonic()

    def begin(self) -> None:
        """From now on: for the whole process."""
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, _AT_LAST)

    def touch(self) -> None:
        """Somebody has pressed a key."""
        self._touched = time.monotonic()

    def look(self) -> None:
        """Collect if it is due, and nobody has pressed a key for that long."""
        if gc.get_count()[2] >= _DUE and time.monotonic() - self._touched >= self._quiet_s:
            gc.collect()
