"""Cuts a row of frames into overlapping windows, so that what is computed of each, put together, is what the whole gives."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """Frames `begin` to `end` are computed, `kept_from` to `kept_to` of them are right and kept; all count from the start."""

    begin: int
    end: int
    kept_from: int
    kept_to: int


def windows(frames: int, length: int, reach: int) -> Iterator[Window]:
    """Windows of `length` frames, of which each sample depends on `reach` to either side; all are clamped inside the row.

    A row that is no longer than a window is one window. Raises ValueError where windows would only overlap.
    """
    if frames <= length:
        yield Window(0, frames, 0, frames)
        return
    if length <= 2 * reach:
        raise ValueError(f"windows of {length} frames hold nothing but their overlap of {reach} to either side")
    done = 0
    while done < frames:
        begin = min(max(done - reach, 0), frames - length)
        end = begin + length
        kept_to = frames if end == frames else end - reach
        yield Window(begin, end, done, kept_to)
        done = kept_to
