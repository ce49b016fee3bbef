"""Computes several streams at a time, chunk by chunk: next is the one whose listener would be the first to wait.

A stream is a generator of chunks. Each step of it runs on a thread, one thread for each core, so that a stream never uses
more than its share, and one that nobody listens to any more ends within a chunk.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass

from core.engines.engine import Audio
from serve.errors import Busy

_MOST_UNREAD = 64
"""Chunks that a client has not taken yet, at most: who reads slowly uses little memory."""


@dataclass(frozen=True)
class Load:
    """What is being spoken."""

    streams: int
    wait_s: float
    """When all of it will have been computed."""


Chunks = Generator[Audio, None, None]


class Stream:
    """One request: its chunks, as they are computed."""

    def __init__(self, scheduler: "Scheduler", chunks: Chunks, rate: int, estimate_s: float) -> None:
        self._scheduler, self._chunks, self._rate = scheduler, chunks, rate
        self._unread: deque[Audio] = deque()
        self._loop, self._changed = asyncio.get_running_loop(), asyncio.Event()
        self._error: BaseException | None = None
        self._ended = False
        self.estimate_s, self.computed_s = estimate_s, 0.0
        self.deadline = time.monotonic()
        """When its listener has heard everything that was computed."""
        self.cancelled = False

    @property
    def is_over(self) -> bool:
        """Return whether everything has been computed, or failed."""
        return self._ended

    @property
    def ready(self) -> bool:
        """Return whether its next chunk should be computed, or its work closed."""
        return not self._ended and (self.cancelled or len(self._unread) < _MOST_UNREAD)

    @property
    def remaining_s(self) -> float:
        """Return how long computing the rest will take on one core, as was estimated."""
        return 0.0 if self._ended else max(0.0, self.estimate_s - self.computed_s)

    def step(self) -> None:
        """Compute the next chunk, on the calling thread; close the iterator of a stream that was cancelled."""
        start = time.monotonic()
        try:
            if self.cancelled:
                self._chunks.close()
                chunk = None
            else:
                chunk = next(self._chunks, None)
        except BaseException as error:  # noqa: BLE001 - raised where the chunks are read
            self._error, chunk = error, None
        now = time.monotonic()
        self.computed_s += now - start
        if chunk is None:
            self._ended = True
        else:
            self._unread.append(chunk)
            self.deadline = max(self.deadline, now) + len(chunk) / self._rate
        self._notify()

    def cancel(self) -> None:
        """Compute nothing more."""
        self.cancelled = True
        self._scheduler.wake()
        self._notify()

    async def __aiter__(self) -> AsyncIterator[Audio]:
        """Yield the chunks. Raises what computing them raised."""
        try:
            while True:
                while self._unread:
                    chunk = self._unread.popleft()
                    self._scheduler.wake()
                    yield chunk
                if self._error:
                    raise self._error
                if (self._ended or self.cancelled) and not self._unread:
                    return
                self._changed.clear()
                if not self._unread and not self._ended and not self.cancelled:
                    await self._changed.wait()
        finally:
            self.cancel()

    def _notify(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)


class Scheduler:
    """The threads, and the streams that they compute."""

    def __init__(self, workers: int, longest_wait_s: float) -> None:
        """Start the threads. A request that would wait for longer than `longest_wait_s` is refused."""
        self._workers, self._longest_wait_s = workers, longest_wait_s
        self._lock = threading.Condition()
        self._streams: list[Stream] = []
        self._running: set[Stream] = set()
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._work, name=f"speech-{number}", daemon=True) for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def load(self) -> Load:
        """Return what is being spoken."""
        with self._lock:
            return Load(len(self._streams), sum(stream.remaining_s for stream in self._streams) / self._workers)

    def is_alone(self) -> bool:
        """Return whether there is one stream at most, which may use all cores."""
        return len(self._streams) <= 1

    def submit(self, chunks: Chunks, rate: int, estimate_s: float) -> Stream:
        """Compute a stream; call it from a coroutine. `estimate_s` is how long that takes on one core. Raises Busy."""
        wait_s = self.load.wait_s
        if wait_s > self._longest_wait_s:
            raise Busy(max(1.0, wait_s - self._longest_wait_s))
        stream = Stream(self, chunks, rate, estimate_s)
        with self._lock:
            self._streams.append(stream)
            self._lock.notify()
        return stream

    def cancel_all(self) -> int:
        """Cancel all streams, and return how many there were."""
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            stream.cancel()
        return len(streams)

    def wake(self) -> None:
        """Look for work: a stream was cancelled, or has been read."""
        with self._lock:
            self._lock.notify()

    def stop(self) -> None:
        """End the threads, once the chunks that are being computed are done."""
        with self._lock:
            self._stopped = True
            self._lock.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (stream := self._next()) is not None:
            try:
                stream.step()
            finally:
                with self._lock:
                    self._running.discard(stream)
                    self._drop_ended()
                    self._lock.notify()

    def _next(self) -> Stream | None:
        """Wait for a stream whose next chunk is to be computed, and return it; None when the threads are to end."""
        with self._lock:
            while not self._stopped:
                self._drop_ended()
                waiting = [stream for stream in self._streams if stream.ready and stream not in self._running]
                if waiting:
                    stream = min(waiting, key=lambda stream: (not stream.cancelled, stream.deadline))
                    self._running.add(stream)
                    return stream
                self._lock.wait()
            return None

    def _drop_ended(self) -> None:
        self._streams = [stream for stream in self._streams if stream in self._running or not stream.is_over]
