"""A `distill` job: trains a smaller decoder for a voice. It takes an hour or more, and goes on from its checkpoint."""

from jobs.kinds.quantize import run

__all__ = ["run"]
