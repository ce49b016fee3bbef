"""Garbage collection while no key is pressed.

Python's full collections visit every live object, which here takes more than a tenth of a second.
"""

import gc
import time

# Full collections are due after this many collections of the middle generation (Python's own default), and forced
# after so many more.
_DUE, _FORCED = 10, 200


class IdleCollector:
    """Delays full collections until the user is idle."""

    def __init__(self, idle_s: float = 1.0) -> None:
        """Collect after so many seconds without input."""
        self._idle_s = idle_s
        self._last_input = time.monotonic()

    def start(self) -> None:
        """Take over the full collections of this process."""
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, _FORCED)

    def note_input(self) -> None:
        """Record that the user has pressed a key or used the mouse."""
        self._last_input = time.monotonic()

    def collect_if_idle(self) -> None:
        """Run a full collection if one is due and the user is idle."""
        if gc.get_count()[2] >= _DUE and time.monotonic() - self._last_input >= self._idle_s:
            gc.collect()
