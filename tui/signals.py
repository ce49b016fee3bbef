"""SIGINT, SIGTERM and SIGHUP: the program tidies up, and ends with 128 and the signal's number, soon and without a word."""

import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_HEARD_S = 0.5
_TIDY_S = 2.0


class Shutdown:
    """How a signal ends this process: at once, and in a block `with ending` by a KeyboardInterrupt, to put all in order."""

    def __init__(self) -> None:
        self.on_signal: Callable[[], object] = self._leave
        """What the first signal does, in the main thread, between any two of its steps."""
        self._code = 0

    def listen(self) -> None:
        for number in _NUMBERS:
            # What is ignored stays so: `nohup`, the background of a script.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._hear)
        import threading  # only now: each import before the handlers is one that a Ctrl-C can meet

        came, comes = os.pipe()
        os.set_blocking(comes, False)
        signal.set_wakeup_fd(comes, warn_on_full_buffer=False)
        threading.Thread(target=self._insist, args=(came,), daemon=True).start()
        sys.unraisablehook = self._tell

    def __enter__(self) -> None:
        self.on_signal = _interrupt

    def __exit__(self, *_: object) -> None:
        self.on_signal = self._leave
        # Not by the exception's type: an import, say, makes a RuntimeError of a KeyboardInterrupt.
        if self._code:
            self._leave()

    def _hear(self, number: int, _: FrameType | None) -> None:
        if not self._code:
            self._code = 128 + number
            self.on_signal()

    def _leave(self) -> None:
        os._exit(self._code)

    def _insist(self, came: int) -> None:
        """End the process when the main thread does not: while SQLite waits for a lock, half a minute, it hears nothing."""
        while True:
            number = os.read(came, 1)[0]
            # A running worker has handlers of its own, and takes its time.
            if signal.getsignal(number) == self._hear:
                break
        time.sleep(_HEARD_S)
        if self._code:
            time.sleep(_TIDY_S)
        os._exit(128 + number)

    def _tell(self, unraisable: "sys.UnraisableHookArgs") -> None:
        """Python's own, but of a KeyboardInterrupt that met a finalizer nothing is said."""
        if not self._code:
            sys.__unraisablehook__(unraisable)


def _interrupt() -> None:
    raise KeyboardInterrupt


shutdown = Shutdown()
