"""What is kept of a training beside its variant, a few MB: the weights that sounded best, and what all its runs took."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from core.clock import format_duration, parse_duration
from core.distill.network import StudentModule
from core.distill.states import write_state
from core.distill.training import Training
from core.errors import TtsdashError
from core.variants.recipes import AUTO, MAX_BUDGET_S


@dataclass(frozen=True)
class Trained:
    """A training that is over, and can be continued."""

    weights: dict[str, Tensor]
    """The state of the student as it sounded best."""
    budget: str
    """The budget of all runs together; `auto` if one of them had that."""
    steps: int
    seconds: float
    runs: int

    @classmethod
    def of(cls, training: Training, budget: str, before: Self | None) -> Self:
        """Return what is kept of a training that is over, and that has continued the one `before`."""
        weights = training.best_state()
        if before is None:
            return cls(weights, budget, training.step, training.seconds, runs=1)
        total = _together(before.budget, budget)
        return cls(weights, total, before.steps + training.step, before.seconds + training.seconds, before.runs + 1)

    def save(self, path: Path) -> None:
        """Write it to a file."""
        write_state(path, vars(self))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read it from a file."""
        return cls(**torch.load(path, map_location="cpu", weights_only=True))

    def give_to(self, student: StudentModule) -> None:
        """Give a student the weights. Raises TtsdashError if its layers are not those that were trained."""
        own = {name: values.shape for name, values in student.state_dict().items()}
        if own != {name: values.shape for name, values in self.weights.items()}:
            raise TtsdashError(
                "it was trained by a version whose students have other layers: train a new one (--force)"
            )
        student.load_state_dict(self.weights)


def _together(one: str, other: str) -> str:
    """Return the budget of two runs as a parameter."""
    if AUTO in (one, other):
        return AUTO
    seconds = min(MAX_BUDGET_S, parse_duration(one) + parse_duration(other))
    return format_duration(seconds).replace(" ", "")
