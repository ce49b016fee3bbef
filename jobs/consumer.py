"""A Huey consumer whose shutdown reaches the threads that wait for job processes.

It overrides private methods of Huey 3. pyproject.toml therefore excludes the next major version, and
tests/jobs/test_consumer.py checks that the installed Huey still has these members and calls them where expected:

- `_set_signal_handlers`: called at the end of `start`; afterwards SIGHUP is ignored, for which Huey would restart itself;
- `_handle_signal`: handles SIGINT and SIGTERM; draining starts here, before the main loop checks Huey's flags;
- `_signum`: the signal that ended the main loop; None if the worker decided to stop;
- `_join_workers`: called by a graceful `stop`; replaced so that the heartbeat continues meanwhile;
- `_interrupt_workers`: called for a second SIGINT; replaced, since each thread ends its own job process;
- `loop(health_check_ts)`, `start`, `stop(graceful)`, `worker_threads`, `scheduler` and `environment.is_alive`: public.
"""

import logging
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

from huey.consumer import Consumer

from jobs.lock import HEARTBEAT_S

POLL_S = 0.25
_log = logging.getLogger("ttsdash.worker")


class WorkerConsumer(Consumer):  # type: ignore[misc]
    """A Huey consumer that sets `draining` and `interrupted` for its threads when it stops."""

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
        self._last_beat = float("-inf")

    def start(self) -> None:
        """Start the threads, then announce the worker: from now on it handles signals."""
        super().start()
        self._on_started()

    def loop(self, health_check_ts: float | None = None) -> Any:
        """Run one iteration of the main loop, with a heartbeat."""
        self._beat()
        return super().loop(health_check_ts)

    def _beat(self) -> None:
        if time.monotonic() - self._last_beat >= HEARTBEAT_S:
            self._last_beat = time.monotonic()
            try:
                self._on_beat()
            except (sqlite3.Error, OSError) as error:
                _log.error("heartbeat failed: %s", error)

    def _set_signal_handlers(self) -> None:
        super()._set_signal_handlers()
        # Huey would restart the program; a worker simply continues when its terminal is closed.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _handle_signal(self, signum: int, frame: Any) -> None:
        super()._handle_signal(signum, frame)
        # Immediately, before Huey checks its flags: a slot that has just become free must not claim another job.
        self._draining.set()
        if signum == signal.SIGTERM:
            # The signal may also arrive while the worker drains, when Huey no longer checks its flags.
            self._interrupted.set()

    def stop(self, graceful: bool = False) -> None:
        """Stop: let running jobs finish (`graceful`), or have each thread end its job process and requeue the job."""
        self._draining.set()
        if self._signum is not None:
            self._on_ending()
        if not graceful:
            self._interrupted.set()
        # Always gracefully for Huey: once interrupted, the threads end their jobs within moments.
        super().stop(graceful=True)

    def _join_workers(self) -> bool:
        """Wait for the running jobs, with heartbeats."""
        threads = [thread for _, thread in self.worker_threads] + [self.scheduler]
        while any(self.environment.is_alive(thread) for thread in threads):
            for thread in threads:
                thread.join(POLL_S)
            self._beat()
        return True

    def _interrupt_workers(self) -> None:
        """Stop draining, after a second SIGINT."""
        self._interrupted.set()
        self._join_workers()
