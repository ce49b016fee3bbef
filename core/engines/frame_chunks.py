"""Cutting a sequence of frames into overlapping chunks whose audio can be joined to that of the whole."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Chunk:
    """Frames `begin` to `end` are computed; of those, `kept_from` to `kept_to` are correct and kept."""

    begin: int
    end: int
    kept_from: int
    kept_to: int


def chunks(frames: int, length: int, receptive_field: int) -> Iterator[Chunk]:
    """Yield chunks of `length` frames, clamped inside the sequence.

    Each sample depends on `receptive_field` frames on either side. A sequence that is no longer than a chunk is one chunk.
    Raises ValueError if the chunks would consist of overlap only.
    """
    if frames <= length:
        yield Chunk(0, frames, 0, frames)
        return
    if length <= 2 * receptive_field:
        raise ValueError(f"chunks of {length} frames consist of overlap only: {receptive_field} on either side")
    done = 0
    while done < frames:
        begin = min(max(done - receptive_field, 0), frames - length)
        end = begin + length
        kept_to = frames if end == frames else end - receptive_field
        yield Chunk(begin, end, done, kept_to)
        done = kept_to
