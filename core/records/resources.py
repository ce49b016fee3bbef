"""The resources that jobs need and a worker has, and whether a job fits beside the running ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Resources:
    """The resources that a job takes while it runs."""

    cores: int = 1
    memory_mb: int = 0
    exclusive: bool = False
    """No other job may run beside it."""


@dataclass(frozen=True)
class Capacity:
    """The resources of a worker."""

    slots: int
    cores: int
    memory_mb: int


DEFAULT_RESOURCES = Resources()
UNLIMITED = Capacity(slots=2**31, cores=2**31, memory_mb=2**31)


def blocked_reason(needed: Resources, running: Sequence[Resources], capacity: Capacity) -> str | None:
    """Return why a job cannot start beside the running ones, or None if it can.

    When nothing runs, any job may start, even one that needs more than there is: it would never start otherwise.
    """
    return next(_reasons(needed, running, capacity), None) if running else None


def _reasons(needed: Resources, running: Sequence[Resources], capacity: Capacity) -> Iterator[str]:
    if needed.exclusive:
        yield "it runs alone, once the others have ended"
    if any(other.exclusive for other in running):
        yield "another runs alone"
    if len(running) >= capacity.slots:
        yield "all slots are busy"
    cores = capacity.cores - sum(other.cores for other in running)
    if needed.cores > cores:
        yield f"it needs {needed.cores} core{'s' if needed.cores > 1 else ''}, {max(0, cores)} free"
    memory = capacity.memory_mb - sum(other.memory_mb for other in running)
    if needed.memory_mb > memory:
        yield f"it needs {needed.memory_mb} MB of memory, {max(0, memory)} free"
