"""The kinds of jobs, one module each: what runs in the child process."""

from collections.abc import Callable

from jobs.context import JobContext
from jobs.kinds import benchmark, convert, quantize

KINDS: dict[str, Callable[[JobContext], None]] = {
    "quantize": quantize.run,
    "convert": convert.run,
    "benchmark": benchmark.run,
}
