"""SIGINT, SIGTERM and SIGHUP: the program cleans up and exits silently with 128 plus the number of the signal."""

import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_HANDLER_S = 0.5
_CLEANUP_S = 2.0


class Shutdown:
    """How a signal ends this process: at once, or inside `with shutdown` by a KeyboardInterrupt that lets code clean up."""

    def __init__(self) -> None:
        self.on_signal: Callable[[], object] = self._exit
        """Called on the first signal, in the main thread, between any two of its bytecodes."""
        self._code = 0

    def install(self) -> None:
        """Install the signal handlers, and a thread that exits if they cannot run."""
        for number in _SIGNALS:
            # Ignored signals stay ignored: `nohup`, background jobs of a script.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)
        import threading  # late, since a Ctrl-C can interrupt any import before the handlers are installed

        readable, writable = os.pipe()
        os.set_blocking(writable, False)
        signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
        threading.Thread(target=self._force_exit, args=(readable,), daemon=True).start()
        sys.unraisablehook = self._report_unraisable

    def __enter__(self) -> None:
        self.on_signal = _interrupt

    def __exit__(self, *_: object) -> None:
        self.on_signal = self._exit
        # Not by the type of the exception: an import, for one, turns a KeyboardInterrupt into a RuntimeError.
        if self._code:
            self._exit()

    def _handle(self, number: int, _: FrameType | None) -> None:
        if not self._code:
            self._code = 128 + number
            self.on_signal()

    def _exit(self) -> None:
        os._exit(self._code)

    def _force_exit(self, readable: int) -> None:
        """Exit if the main thread does not: while SQLite waits for a lock, up to half a minute, no handler runs."""
        while True:
            number = os.read(readable, 1)[0]
            # A running worker has its own handlers, and takes its time.
            if signal.getsignal(number) == self._handle:
                break
        time.sleep(_HANDLER_S)
        if self._code:
            time.sleep(_CLEANUP_S)
        os._exit(128 + number)

    def _report_unraisable(self, unraisable: "sys.UnraisableHookArgs") -> None:
        """Report as Python does, except for a KeyboardInterrupt that was raised inside a finalizer."""
        if not self._code:
            sys.__unraisablehook__(unraisable)


def _interrupt() -> None:
    raise KeyboardInterrupt


shutdown = Shutdown()
