"""A `tune` job: searches for the number format of each part of a voice. It goes on from what it has measured."""

from jobs.kinds.quantize import run

__all__ = ["run"]
