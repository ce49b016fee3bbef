"""Windows over frames: put together they are the whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.frame_chunks import windows


@given(frames=st.integers(1, 3000), reach=st.integers(0, 60), more=st.integers(1, 400))
def test_windows_keep_each_frame_once_and_none_near_a_false_edge(frames: int, reach: int, more: int) -> None:
    length = 2 * reach + more
    done = 0
    for window in windows(frames, length, reach):
        assert 0 <= window.begin < window.end <= frames
        assert window.end - window.begin == min(length, frames)
        assert window.kept_from == done
        done = window.kept_to
        assert window.kept_from - window.begin >= (reach if window.begin else 0)
        assert window.end - window.kept_to >= (reach if window.end < frames else 0)
    assert done == frames


def test_windows_that_only_overlap_are_an_error() -> None:
    with pytest.raises(ValueError, match="hold nothing but their overlap"):
        list(windows(100, 20, 10))
