"""The number of threads that a step of the training is fastest with.

PyTorch's threads wait for each other after every operator: beside another busy process, two of them can take ten times as long
as one.
"""

import time
from collections.abc import Callable

import torch

from core.distill.crops import Crops
from core.distill.training import Training

# Steps that are timed with each number of threads.
_TIMED_STEPS = 3


class Threads:
    """Chooses the number of threads."""

    def __init__(self, trial: Training, crops: Crops, cores: int) -> None:
        """Take a training whose steps are only timed, and the most threads."""
        self._trial, self._crops = trial, crops
        self._candidates = sorted({1, max(1, cores // 2), cores})
        self._chosen = 0

    def choose(self, log: Callable[[str], None]) -> None:
        """Make PyTorch use the fastest number, and log it if it is another one than before."""
        fastest = min(self._candidates, key=self._seconds)
        torch.set_num_threads(fastest)
        if fastest != self._chosen:
            log(f"with {fastest} thread{'s' if fastest > 1 else ''}, the fastest now")
        self._chosen = fastest

    def _seconds(self, threads: int) -> float:
        torch.set_num_threads(threads)
        self._trial.run(self._crops, 0)
        begin = time.monotonic()
        for _ in range(_TIMED_STEPS):
            self._trial.run(self._crops, 0)
        return time.monotonic() - begin
