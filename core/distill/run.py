"""A training from its start, or from its checkpoint, to its end."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from core.clock import format_duration
from core.distill.arithmetic import fastest_arithmetic
from core.distill.crops import Crops
from core.distill.examples import Example
from core.distill.network import StudentModule
from core.distill.pace import PACE
from core.distill.sound import judge
from core.distill.start import fit_last_convolution
from core.distill.student import Student
from core.distill.threads import Threads
from core.distill.trained import Trained
from core.distill.training import Budget, Point, Training
from core.errors import TtsdashError

# Of the usual learning rates, for a student that was trained before: high ones undo what it has learned.
_FURTHER_PEAK = 0.3


class NoProgress(TtsdashError):
    """A student does not learn."""


class NotBetter(TtsdashError):
    """A student that was trained further does not sound better than before."""


@dataclass(frozen=True)
class Plan:
    """What is trained, for how long, and where its state is kept."""

    student: Student
    """With the weights that it starts from."""
    budget: Budget
    checkpoint: Path
    sample_rate: int
    cores: int
    trained: Trained | None = None
    """The training that is continued; None for a new one."""


def run_training(
    plan: Plan,
    examples: Sequence[Example],
    held_out: Sequence[Example],
    log: Callable[[str], None],
    on_progress: Callable[[str, float], None],
) -> Training:
    """Train until the budget is used up. `on_progress` takes a line about the state and the share that is done.

    Raises NoProgress, and NotBetter if a training was continued in vain.
    """
    crops, arithmetic, student = Crops(examples), fastest_arithmetic(), _student_of(plan)
    training, threads = (
        Training(student, plan.budget, arithmetic, _FURTHER_PEAK if plan.trained else 1.0),
        Threads(Training(StudentModule(plan.student), Budget(), arithmetic), crops, plan.cores),
    )
    log(f"training on {arithmetic}")

    def judge_now() -> Point:
        return training.judge(lambda one: judge(one, held_out, plan.sample_rate))

    if plan.checkpoint.exists():
        training.restore(plan.checkpoint)
        log(f"going on from step {training.step}, after {format_duration(training.seconds)} of training")
    elif plan.trained:
        # As it was published: what it has to surpass.
        student.int8 = True
        log(f"trained before: {judge_now().sound}")
    else:
        fit_last_convolution(student, crops)
        judge_now()
    threads.choose(log)
    status = _Status()
    while training.share < 1 or not training.has_result:
        training.run(crops, PACE.checkpoint_s)
        if _is_judged_now(training):
            log(_describe(judge_now(), training))
            _require_progress(training, is_new=plan.trained is None)
            threads.choose(log)
        training.save(plan.checkpoint)
        on_progress(status.line(training), training.share)
    if plan.trained:
        _require_better(training)
    return training


def _student_of(plan: Plan) -> StudentModule:
    student = StudentModule(plan.student)
    if plan.trained:
        plan.trained.give_to(student)
    return student


def _is_judged_now(training: Training) -> bool:
    last = training.curve[-1]
    since, share = training.seconds - last.seconds, training.share - training.share_at(last)
    return training.share >= 1 or (since >= PACE.judged_s and share >= PACE.judged_share)


def _require_progress(training: Training, is_new: bool) -> None:
    start, point = training.curve[0], training.curve[-1]
    if not math.isfinite(point.loss):
        raise NoProgress(f"the training failed: its loss is {point.loss} at step {point.step}")
    if is_new and training.share >= PACE.hopeless_share and not point.sound.is_better_than(start.sound):
        raise NoProgress(
            f"the training gets nowhere: after {format_duration(point.seconds)} the student has {point.sound}, "
            f"at the start it had {start.sound}"
        )


def _require_better(training: Training) -> None:
    before, *points = training.curve
    best = max((point.sound for point in points), key=lambda sound: sound.rank)
    if not best.is_better_than(before.sound):
        raise NotBetter(
            f"trained for another {format_duration(training.seconds)}, the student has {best}, before it had "
            f"{before.sound}: the variant stays as it was; give it more time (--param budget=DURATION)"
        )


def _describe(point: Point, training: Training) -> str:
    rate = training.step / training.seconds
    rounded = ", rounded" if point.rounded else ""
    return f"step {point.step}, {rate:.1f} steps/s: loss {point.loss:.3f}, {point.sound}{rounded}"


class _Status:
    """The stage of the job: when the training ends, its loss, and how the student sounds, in 32 characters with PESQ.

    It changes when the student was judged.
    """

    def __init__(self) -> None:
        self._judged, self._line = 0, "training"

    def line(self, training: Training) -> str:
        if len(training.curve) != self._judged:
            end = datetime.now() + timedelta(seconds=training.seconds_left)
            self._judged = len(training.curve)
            self._line = f"ends {end:%H:%M}: loss {training.loss:.2f}, {training.curve[-1].sound}"
        return self._line
