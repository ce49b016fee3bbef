"""Chunks of a sentence: the first one short, the others as long as they may be and still be ready in time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.chunk_schedule import Schedule, schedule_for

FRAME_S = 256 / 22050


@given(st.integers(0, 3000), st.integers(1, 200), st.floats(1, 10))
def test_chunks_cover_a_sentence_without_a_gap(frames: int, first: int, growth: float) -> None:
    chunks = list(Schedule(first, growth).chunks(frames))
    assert [begin for begin, _ in chunks] == [0, *(end for _, end in chunks[:-1])][: len(chunks)]
    assert not frames or chunks[-1][1] == frames
    assert all(end - begin >= min(first, frames) for begin, end in chunks)


@pytest.mark.parametrize(
    ("real_time_factor", "first", "growth"),
    [(0.04, 16, 8.0), (0.1, 16, 3.5), (0.2, 16, 1.0), (0.3, 40, 1.07), (0.45, 128, 1.0), (2.0, 128, 1.0)],
)
def test_a_slower_machine_starts_with_more_and_grows_more_slowly(
    real_time_factor: float, first: int, growth: float
) -> None:
    schedule = schedule_for(real_time_factor, overlap=24)
    assert (schedule.first, round(schedule.growth, 2)) == (first, growth)


@given(st.floats(0.001, 0.39), st.integers(0, 40), st.integers(1, 5000))
def test_no_chunk_is_late(real_time_factor: float, overlap: int, frames: int) -> None:
    heard_until, now = 0.0, 0.0
    for number, (begin, end) in enumerate(schedule_for(real_time_factor, overlap).chunks(frames)):
        now += (end - begin + overlap) * FRAME_S * real_time_factor
        if number == 0:
            heard_until = now
        assert now <= heard_until + 1e-9
        heard_until += (end - begin) * FRAME_S
