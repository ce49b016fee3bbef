"""Whether a job may start beside those that run, and why one waits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Resources:
    """What a job takes of its machine while it runs."""

    cores: int = 1
    memory_mb: int = 0
    alone: bool = False
    """No other job may run beside it."""


@dataclass(frozen=True)
class Capacity:
    """What a worker has to give."""

    slots: int
    cores: int
    memory_mb: int


ORDINARY = Resources()
UNLIMITED = Capacity(slots=2**31, cores=2**31, memory_mb=2**31)


def blocked_reason(need: Resources, running: Sequence[Resources], capacity: Capacity) -> str | None:
    """What keeps a job from starting now, None when nothing does.

    Where nothing runs everything starts, also what needs more than there is: it would never start otherwise.
    """
    return next(_hindrances(need, running, capacity), None) if running else None


def _hindrances(need: Resources, running: Sequence[Resources], capacity: Capacity) -> Iterator[str]:
    if need.alone:
        yield "it runs alone, once the others have ended"
    if any(other.alone for other in running):
        yield "another runs alone"
    if len(running) >= capacity.slots:
        yield "all slots are busy"
    cores = capacity.cores - sum(other.cores for other in running)
    if need.cores > cores:
        yield f"it needs {need.cores} core{'s' if need.cores > 1 else ''}, {max(0, cores)} free"
    memory = capacity.memory_mb - sum(other.memory_mb for other in running)
    if need.memory_mb > memory:
        yield f"it needs {need.memory_mb} MB of memory, {max(0, memory)} free"
