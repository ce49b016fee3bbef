"""Huey's consumer, changed so that its end reaches the threads that wait for child processes.

It overrides what Huey 3 keeps private, so pyproject.toml pins the major version, and tests/jobs/test_consumer.py checks that
the installed one still has each of these and calls it where this module expects it:

- `_set_signal_handlers`: called by `start`; SIGHUP is ignored afterwards, where Huey would restart the program;
- `_handle_signal`: the handler of SIGINT and SIGTERM; draining begins in it, not when the loop looks at Huey's flags;
- `_signum`: the signal that ended the loop, None for an end that the worker decided;
- `_join_workers`: called by a graceful `stop`, and replaced, so that the heartbeat goes on meanwhile;
- `_interrupt_workers`: called for a second SIGINT, and replaced: nobody is killed, each thread ends its child;
- `loop(health_check_ts)`, `start`, `stop(graceful)`, `worker_threads`, `scheduler` and `environment.is_alive`, which are public.
"""

import logging
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

from huey.consumer import Consumer

from jobs.lock import BEAT_S

POLL_S = 0.25
_log = logging.getLogger("ttsdash.worker")


class WorkerConsumer(Consumer):  # type: ignore[misc]
    """Huey's consumer, whose end is told to the threads that wait for children."""

    def __init__(
        self,
        huey: Any,
        draining: threading.Event,
        interrupted: threading.Event,
        on_started: Callable[[], None],
        on_beat: Callable[[], None],
        on_ending: Callable[[], None],
        **options: Any,
    ) -> None:
        super().__init__(huey, **options)
        self._draining = draining
        self._interrupted = interrupted
        self._on_started = on_started
        self._on_beat = on_beat
        self._on_ending = on_ending
        self._beaten = float("-inf")

    def start(self) -> None:
        super().start()
        # Who is told of the worker may send it signals, for which it is ready now.
        self._on_started()

    def loop(self, health_check_ts: float | None = None) -> Any:
        self._beat()
        return super().loop(health_check_ts)

    def _beat(self) -> None:
        if time.monotonic() - self._beaten >= BEAT_S:
            self._beaten = time.monotonic()
            try:
                self._on_beat()
            except (sqlite3.Error, OSError) as error:
                _log.error("no sign of life: %s", error)

    def _set_signal_handlers(self) -> None:
        super()._set_signal_handlers()
        # Huey would start the program again; a worker simply goes on when its terminal is closed.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _handle_signal(self, signum: int, frame: Any) -> None:
        super()._handle_signal(signum, frame)
        # At once, not when Huey looks at its flags: a slot that is just set free must take no further job.
        self._draining.set()
        if signum == signal.SIGTERM:
            # It may also come while the worker drains, when nobody looks at Huey's flags any more.
            self._interrupted.set()

    def stop(self, graceful: bool = False) -> None:
        self._draining.set()
        if self._signum is not None:
            self._on_ending()
        if not graceful:
            self._interrupted.set()
        # Without grace, too, each thread first ends its child and puts the job back: that takes no time.
        super().stop(graceful=True)

    def _join_workers(self) -> bool:
        """However long the running jobs take, the signs of life go on."""
        threads = [thread for _, thread in self.worker_threads] + [self.scheduler]
        while any(self.environment.is_alive(thread) for thread in threads):
            for thread in threads:
                thread.join(POLL_S)
            self._beat()
        return True

    def _interrupt_workers(self) -> None:
        """A second SIGINT: drain no longer."""
        self._interrupted.set()
        self._join_workers()
