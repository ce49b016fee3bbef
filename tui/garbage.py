"""Collects garbage when no key is pressed: Python goes through all that lives, which here takes over a tenth of a second."""

import gc
import time

_QUIET_S = 1.0
# So many collections of the middle generation make a full one due: what Python takes by itself, and what it waits for here.
_DUE, _AT_LAST = 10, 200


class QuietCollector:
    """Puts full collections off until nobody waits for an answer."""

    def __init__(self) -> None:
        self._touched = time.monotonic()

    def begin(self) -> None:
        """From now on: for the whole process."""
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, _AT_LAST)

    def touch(self) -> None:
        """Somebody has pressed a key."""
        self._touched = time.monotonic()

    def look(self) -> None:
        """Collect if it is due, and nobody has pressed a key for a second."""
        if gc.get_count()[2] >= _DUE and time.monotonic() - self._touched >= _QUIET_S:
            gc.collect()
