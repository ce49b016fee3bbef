"""Streams are computed chunk by chunk: the one first whose listener would be the first to wait."""

import asyncio
import threading
from collections.abc import Generator, Iterator
from contextlib import aclosing

import numpy as np
import pytest

from serve.errors import Busy
from serve.scheduler import Scheduler

RATE = 1000


class Source:
    """Chunks that are computed when the test allows it, with a record of who asked."""

    def __init__(self, name: str, chunks: int, record: list[str], gate: threading.Semaphore | None = None) -> None:
        self.name, self.chunks, self.record, self.gate = name, chunks, record, gate
        self.closed = threading.Event()

    def run(self) -> Generator[np.ndarray, None, None]:
        try:
            for _ in range(self.chunks):
                if self.gate is not None:
                    self.gate.acquire()
                self.record.append(self.name)
                yield np.ones(RATE, np.float32)
        finally:
            self.closed.set()


def nothing() -> Generator[np.ndarray, None, None]:
    yield from ()


@pytest.fixture
def record() -> list[str]:
    return []


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    made = Scheduler(workers=1, longest_wait_s=5)
    yield made
    made.cancel_all()
    made.stop()


async def test_all_chunks_of_a_stream_arrive_in_order(scheduler: Scheduler) -> None:
    chunks = (np.full(3, number, np.float32) for number in range(200))
    stream = scheduler.submit(chunks, RATE, 1.0)
    assert [chunk[0] async for chunk in stream] == list(range(200))
    assert scheduler.load.streams == 0


async def test_who_has_the_least_audio_left_is_next(scheduler: Scheduler, record: list[str]) -> None:
    gate = threading.Semaphore(0)
    first = scheduler.submit(Source("first", 3, record, gate).run(), RATE, 1.0)
    second = scheduler.submit(Source("second", 3, record, gate).run(), RATE, 1.0)
    gate.release(6)
    assert len([chunk async for chunk in first]) == len([chunk async for chunk in second]) == 3
    # One chunk is a second of audio: they take turns.
    assert record == ["first", "second"] * 3


async def test_a_failure_is_raised_where_the_chunks_are_read(scheduler: Scheduler) -> None:
    def failing() -> Generator[np.ndarray, None, None]:
        yield np.zeros(1, np.float32)
        raise ValueError("no such thing")

    received = 0
    with pytest.raises(ValueError, match="no such thing"):
        async for _ in scheduler.submit(failing(), RATE, 1.0):
            received += 1
    assert (received, scheduler.load.streams) == (1, 0)


async def test_a_reader_that_leaves_stops_the_work(scheduler: Scheduler, record: list[str]) -> None:
    source = Source("left", 1000, record)
    stream = scheduler.submit(source.run(), RATE, 1.0)
    async with aclosing(aiter(stream)) as chunks:
        await anext(chunks)
    assert await asyncio.to_thread(source.closed.wait, 10)
    assert len(record) < 1000
    assert scheduler.load.streams == 0


async def test_a_slow_reader_does_not_fill_the_memory(scheduler: Scheduler, record: list[str]) -> None:
    slow = scheduler.submit(Source("slow", 1000, record).run(), RATE, 1.0)
    fast = scheduler.submit(Source("fast", 300, record).run(), RATE, 1.0)
    assert len([chunk async for chunk in fast]) == 300
    assert record.count("slow") <= 65
    assert len([chunk async for chunk in slow]) == 1000


async def test_what_would_wait_for_too_long_is_refused_with_the_time_to_wait(scheduler: Scheduler) -> None:
    gate = threading.Semaphore(0)
    running = scheduler.submit(Source("long", 1, [], gate).run(), RATE, estimate_s=8.0)
    with pytest.raises(Busy) as refused:
        scheduler.submit(nothing(), RATE, 1.0)
    assert (refused.value.status, refused.value.wait_s) == (429, pytest.approx(3.0))
    gate.release()
    assert len([chunk async for chunk in running]) == 1
    assert [chunk async for chunk in scheduler.submit(nothing(), RATE, 1.0)] == []


async def test_several_threads_compute_several_streams_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=20)

    def meeting() -> Generator[np.ndarray, None, None]:
        both.wait()
        yield np.zeros(1, np.float32)

    scheduler = Scheduler(workers=2, longest_wait_s=5)
    streams = [scheduler.submit(meeting(), RATE, 1.0) for _ in range(2)]
    assert [len([chunk async for chunk in stream]) for stream in streams] == [1, 1]
    scheduler.stop()
