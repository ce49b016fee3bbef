"""`core.engines.frame_chunks`: joined chunks are the whole sequence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.frame_chunks import chunks


@given(frames=st.integers(1, 3000), field=st.integers(0, 60), more=st.integers(1, 400))
def test_chunks_keep_each_frame_once_and_none_near_an_inner_edge(frames: int, field: int, more: int) -> None:
    length = 2 * field + more
    done = 0
    for chunk in chunks(frames, length, field):
        assert 0 <= chunk.begin < chunk.end <= frames
        assert chunk.end - chunk.begin == min(length, frames)
        assert chunk.kept_from == done
        done = chunk.kept_to
        assert chunk.kept_from - chunk.begin >= (field if chunk.begin else 0)
        assert chunk.end - chunk.kept_to >= (field if chunk.end < frames else 0)
    assert done == frames


def test_chunks_that_only_overlap_are_an_error() -> None:
    with pytest.raises(ValueError, match="consist of overlap only"):
        list(chunks(100, 20, 10))
