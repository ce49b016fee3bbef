"""Figures of the requests since the service was started."""

import time
from collections import deque
from dataclasses import dataclass, field

_KEPT = 1000
"""The newest requests, from which percentiles are computed."""


@dataclass
class Statistics:
    """Counts and times. A request counts when it has ended."""

    requests: int = 0
    errors: int = 0
    last_request: float | None = None
    """In seconds since 1970."""
    first_audio_s: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    durations_s: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """From the request to its last audio, of those without an error."""

    def count(self, first_audio_s: float, duration_s: float) -> None:
        """Count a request that was answered."""
        self.requests += 1
        self.last_request = time.time()
        self.first_audio_s.append(first_audio_s)
        self.durations_s.append(duration_s)

    def count_error(self) -> None:
        """Count a request that failed."""
        self.requests += 1
        self.errors += 1
        self.last_request = time.time()
