"""Training a student: a loop that can stop at any step and go on from its checkpoint."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.distill.arithmetic import Arithmetic
from core.distill.crops import EDGE, Crops
from core.distill.loss import Loss
from core.distill.network import StudentModule
from core.distill.sound import Sound
from core.distill.states import write_state
from core.distill.student import Student
from core.seed import SEED

# Of the hidden matrices, the steps that inputs are rounded in, and the last layer; and what is left of them at the end.
_MATRIX_RATE, _STEP_RATE, _LAST_RATE = 2e-3, 1e-3, 6e-5
_LAST_SHARE = 0.01
_WARM_UP_STEPS = 200
_BETAS = 0.8, 0.99
_MAX_GRADIENT = 1.0
# The share of the training after which the student rounds as it will when it is published. One that learns without rounding
# for long comes to depend on what rounding takes away.
_ROUNDING_FROM = 0.1
# Of the averaged weights, which are what is judged and published, and of the loss that is reported.
_WEIGHTS_MEMORY, _LOSS_MEMORY = 0.998, 0.99


@dataclass(frozen=True)
class Budget:
    """When a training ends: after that many steps, or after that many seconds."""

    steps: int | None = None
    seconds: float | None = None

    def share(self, step: int, seconds: float) -> float:
        """Return the share of the training that is done, 0..1."""
        done = step / self.steps if self.steps else seconds / (self.seconds or math.inf)
        return min(1.0, done)


@dataclass(frozen=True)
class Point:
    """A point of the curve of a training."""

    seconds: float
    """Of training, without what came before and without judging."""
    step: int
    loss: float
    mel_db: float
    pesq: float | None
    rounded: bool
    """Whether the student rounds as in a published variant."""

    @property
    def sound(self) -> Sound:
        """Return how the student sounded then."""
        return Sound(self.mel_db, self.pesq)


class Training:
    """A student in training. All that determines how it goes on is in its checkpoint."""

    def __init__(self, student: StudentModule, budget: Budget, arithmetic: Arithmetic, peak: float = 1.0) -> None:
        """Begin with the weights that the student has; the learning rates rise to the share `peak` of the usual ones."""
        self._peak = peak
        self._student, self._budget, self._arithmetic = student.to(arithmetic.device), budget, arithmetic
        self._parameters = list(student.parameters())
        self._averaged = [parameter.detach().clone() for parameter in self._parameters]
        self._averaged_steps = 0
        self._optimizers = _optimizers(student)
        self._dice = np.random.default_rng(SEED)
        self._loss = Loss(arithmetic.device)
        self.seconds, self.step, self.loss = 0.0, 0, math.nan
        self.curve: list[Point] = []
        self._best: list[Tensor] = []

    @property
    def share(self) -> float:
        """Return the share of the training that is done, 0..1."""
        return self._budget.share(self.step, self.seconds)

    def share_at(self, point: Point) -> float:
        """Return the share of the training that was done at a point of its curve."""
        return self._budget.share(point.step, point.seconds)

    @property
    def has_result(self) -> bool:
        """Return whether there are weights that can be published."""
        return bool(self._best)

    @property
    def best(self) -> Sound:
        """Return the sound of the weights that are published."""
        return max((point.sound for point in self.curve if point.rounded), key=lambda sound: sound.rank)

    @property
    def seconds_left(self) -> float:
        """Return how much longer the training takes at its speed so far."""
        return self.seconds / self.share - self.seconds

    def run(self, crops: Crops, seconds: float) -> None:
        """Train for some seconds, at least one step, or until the budget is used up."""
        end = self.seconds + seconds
        while self.share < 1:
            begin = time.monotonic()
            self._take_step(*crops.draw(self._dice))
            self.seconds += time.monotonic() - begin
            if self.seconds >= end:
                break

    def judge(self, judge: Callable[[StudentModule], Sound]) -> Point:
        """Add a point to the curve, and keep the averaged weights if they are the best that can be published."""
        rounded = self._student.int8
        with self._weights(self._averaged):
            sound = judge(self._student)
        if rounded and all(sound.is_better_than(point.sound) for point in self.curve if point.rounded):
            self._best = [values.clone() for values in self._averaged]
        self.curve.append(Point(self.seconds, self.step, self.loss, sound.mel_db, sound.pesq, rounded))
        return self.curve[-1]

    def best_student(self) -> Student:
        """Return the student as it sounded best, rounded; it must have been judged once since it rounds."""
        with self._weights(self._best):
            student: Student = self._student.to_student()
            return student

    def best_state(self) -> dict[str, Tensor]:
        """Return the state of the student as it sounded best."""
        with self._weights(self._best):
            return {name: values.detach().cpu().clone() for name, values in self._student.state_dict().items()}

    def save(self, path: Path) -> None:
        """Write the checkpoint, complete or not at all."""
        state = {
            "student": self._student.state_dict(),
            "averaged": self._averaged,
            "averaged_steps": self._averaged_steps,
            "int8": self._student.int8,
            "best": self._best,
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "dice": self._dice.bit_generator.state,
            "seconds": self.seconds,
            "step": self.step,
            "loss": self.loss,
            "curve": [asdict(point) for point in self.curve],
        }
        write_state(path, state)

    def restore(self, path: Path) -> None:
        """Go on from a checkpoint. Raises FileNotFoundError."""
        state: dict[str, Any] = torch.load(path, map_location=self._arithmetic.device, weights_only=True)
        self._student.load_state_dict(state["student"])
        self._averaged, self._averaged_steps = state["averaged"], state["averaged_steps"]
        self._student.int8, self._best = state["int8"], state["best"]
        for optimizer, kept in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self._dice.bit_generator.state = state["dice"]
        self.seconds, self.step, self.loss = state["seconds"], state["step"], state["loss"]
        self.curve = [Point(**point) for point in state["curve"]]

    def _take_step(self, activations: Tensor, samples: Tensor) -> None:
        self._round_if_due()
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * (self._rate_share if group["decays"] else 1.0)
        with self._arithmetic.autocast():
            spoken = self._student(activations.to(self._arithmetic.device))
        edge = EDGE * samples.shape[1] // activations.shape[1]
        counted, target = spoken[:, edge:-edge], samples[:, edge:-edge].to(self._arithmetic.device)
        loss, gradient = self._loss(counted.detach(), target, self._dice)
        counted.backward(gradient)
        torch.nn.utils.clip_grad_norm_(self._parameters, _MAX_GRADIENT, foreach=True)
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.step += 1
        self.loss = loss if math.isnan(self.loss) else _LOSS_MEMORY * self.loss + (1 - _LOSS_MEMORY) * loss
        self._average()

    def _average(self) -> None:
        # Early on, and when rounding has begun, what was before must not count for long.
        memory = min(_WEIGHTS_MEMORY, 1 - 1 / (1 + self._averaged_steps / 10))
        self._averaged_steps += 1
        torch._foreach_lerp_(self._averaged, [parameter.detach() for parameter in self._parameters], 1 - memory)

    def _round_if_due(self) -> None:
        if self.share >= _ROUNDING_FROM and not self._student.int8:
            self._student.int8, self._averaged_steps = True, 0

    @property
    def _rate_share(self) -> float:
        """Return the share of the learning rates: one cosine over the whole training, after a short rise."""
        cosine = _LAST_SHARE + (1 - _LAST_SHARE) * (1 + math.cos(math.pi * self.share)) / 2
        return self._peak * cosine * min(1.0, (self.step + 1) / _WARM_UP_STEPS)

    @contextmanager
    def _weights(self, weights: Sequence[Tensor]) -> Iterator[None]:
        """Give the student other weights for the duration of a block."""
        kept = [parameter.detach().clone() for parameter in self._parameters]
        self._set(weights)
        try:
            yield
        finally:
            self._set(kept)

    def _set(self, weights: Sequence[Tensor]) -> None:
        with torch.no_grad():
            for parameter, values in zip(self._parameters, weights, strict=True):
                parameter.copy_(values)


def _optimizers(student: StudentModule) -> tuple[torch.optim.Optimizer, ...]:
    """Return the optimizers, whose groups have their highest rate as `peak`, and whether it decays.

    Muon makes the changes of the hidden matrices orthogonal, which takes half as many steps as Adam (K. Jordan et al., "Muon:
    An optimizer for hidden layers in neural networks", 2024).
    """
    muon = torch.optim.Muon(student.matrices, lr=_MATRIX_RATE, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    for group in muon.param_groups:
        group |= {"peak": _MATRIX_RATE, "decays": True}
    groups = [
        {"params": student.steps, "peak": _STEP_RATE, "decays": False},
        {"params": [student.last.weight], "peak": _LAST_RATE, "decays": True},
    ]
    return muon, torch.optim.Adam(groups, lr=_LAST_RATE, betas=_BETAS, foreach=True)
