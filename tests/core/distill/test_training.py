"""The training of a student: it goes on as if it had never stopped, ends in time, and keeps what sounds best."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.distill import run, training
from core.distill.crops import Crops
from core.distill.examples import Example
from core.distill.network import StudentModule
from core.distill.pace import Pace
from core.distill.run import NoProgress, Plan, run_training
from core.distill.sound import Sound
from core.distill.student import Student
from core.distill.training import Budget, Training
from tests.core.distill.lessons import EXACT, RATE


def begun(student: Student, budget: Budget) -> Training:
    return Training(StudentModule(student), budget, EXACT)


def sound_of(student: StudentModule) -> Sound:
    """A figure that every change of a weight changes."""
    return Sound(mel_db=float(sum(parameter.detach().double().sum() for parameter in student.parameters())), pesq=None)


def weights(student: Student) -> list[np.ndarray]:
    return [student.first.weight, student.residuals[0].weight, student.last.weight]


def test_a_training_goes_on_from_its_checkpoint_as_if_it_had_not_stopped(
    student: Student, examples: list[Example], tmp_path: Path
) -> None:
    budget, crops = Budget(steps=10), Crops(examples)
    straight = begun(student, budget)
    for _ in range(10):
        straight.run(crops, seconds=0)
    straight.judge(sound_of)
    stopped = begun(student, budget)
    for _ in range(4):
        stopped.run(crops, seconds=0)
    stopped.save(tmp_path / "checkpoint.pt")
    resumed = begun(student, budget)
    resumed.restore(tmp_path / "checkpoint.pt")
    assert (resumed.step, resumed.seconds) == (4, stopped.seconds)
    while resumed.share < 1:
        resumed.run(crops, seconds=0)
    resumed.judge(sound_of)
    assert resumed.loss == straight.loss
    for one, other in zip(weights(resumed.best_student()), weights(straight.best_student()), strict=True):
        assert (one == other).all()


def test_a_budget_of_steps_ends_after_them_and_one_of_time_after_that_time(
    student: Student, examples: list[Example]
) -> None:
    by_steps = begun(student, Budget(steps=3))
    by_steps.run(Crops(examples), seconds=60)
    assert (by_steps.step, by_steps.share) == (3, 1.0)
    by_time = begun(student, Budget(seconds=0.2))
    by_time.run(Crops(examples), seconds=60)
    assert 0.2 <= by_time.seconds < 10
    assert by_time.share == 1.0


def test_a_student_learns(student: Student, examples: list[Example], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_WARM_UP_STEPS", 5)
    one = begun(student, Budget(steps=150))
    one.run(Crops(examples), seconds=0)
    first = one.loss
    while one.share < 1:
        one.run(Crops(examples), seconds=60)
    assert one.loss < 0.9 * first


def test_a_student_rounds_only_at_the_end(student: Student, examples: list[Example]) -> None:
    one = begun(student, Budget(steps=10))
    rounded = []
    while one.share < 1:
        one.run(Crops(examples), seconds=0)
        rounded.append(one.judge(sound_of).rounded)
    assert rounded == [number >= training._ROUNDING_FROM * 10 for number in range(10)]


def test_of_the_students_that_round_the_one_that_sounds_best_is_kept(student: Student, examples: list[Example]) -> None:
    one = begun(student, Budget(steps=20))
    heard = iter([1.0, 3.0, 2.0])
    # Better than all that follow, but it does not round yet.
    one.judge(lambda module: Sound(0.0, 4.0))
    assert not one.has_result
    while one.share < 0.9:
        one.run(Crops(examples), seconds=0)
    best = None
    for pesq in heard:
        one.run(Crops(examples), seconds=0)
        one.judge(lambda module, pesq=pesq: Sound(9.0, pesq))
        if pesq == 3.0:
            best = weights(one.best_student())
    assert best is not None
    for weight, kept in zip(best, weights(one.best_student()), strict=True):
        assert (weight == kept).all()


@pytest.mark.parametrize(
    ("one", "other", "better"),
    [
        (Sound(5.0, 4.0), Sound(1.0, 3.9), True),
        (Sound(1.0, 3.9), Sound(5.0, 4.0), False),
        (Sound(5.0, None), Sound(1.0, None), False),
        (Sound(1.0, 4.0), Sound(1.0, 4.0), False),
    ],
)
def test_pesq_decides_what_sounds_better_where_it_can_be_measured(one: Sound, other: Sound, better: bool) -> None:
    assert one.is_better_than(other) is better


Judge = Callable[[StudentModule, object, int], Sound]


def plan(student: Student, folder: Path, steps: int = 40) -> Plan:
    return Plan(student, Budget(steps=steps), folder / "checkpoint.pt", RATE, cores=1)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge and save after every step."""
    monkeypatch.setattr(run, "PACE", Pace(checkpoint_s=0, judged_s=0))
    monkeypatch.setattr(run, "fastest_arithmetic", lambda: EXACT)


def trained(one: Plan, examples: list[Example], log: list[str]) -> Training:
    return run_training(one, examples, examples[:1], log.append, lambda stage, share: None)


def test_a_training_logs_how_it_goes(
    student: Student, examples: list[Example], impatient: None, tmp_path: Path
) -> None:
    log: list[str] = []
    stages: list[tuple[str, float]] = []
    run_training(
        plan(student, tmp_path), examples, examples[:1], log.append, lambda stage, share: stages.append((stage, share))
    )
    assert log[0].startswith("training on cpu, float32")
    assert any(line.startswith("step ") and "loss" in line for line in log)
    assert re.fullmatch(r"ends [0-9]{2}:[0-9]{2}: loss [0-9]\.[0-9]{2}, (PESQ )?[0-9.]+.*", stages[-1][0])
    assert not any("nan" in stage for stage, _ in stages)
    assert [share for _, share in stages] == sorted(share for _, share in stages)
    assert stages[-1][1] == 1.0


def test_a_training_that_was_killed_goes_on(
    student: Student, examples: list[Example], impatient: None, tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    def kill(stage: str, share: float) -> None:
        if share > 0.5:
            raise Killed

    with pytest.raises(Killed):
        run_training(plan(student, tmp_path), examples, examples[:1], lambda line: None, kill)
    log: list[str] = []
    assert trained(plan(student, tmp_path), examples, log).step == 40
    assert any(line.startswith("going on from step 2") for line in log)


@pytest.mark.parametrize(
    ("sounds", "reason"),
    [
        ([Sound(5.0, None)] * 99, "the training gets nowhere: after [0-9]+ s the student has 5.00 dB mel distance"),
        ([Sound(5.0, 1.2), *[Sound(9.0, 1.1)] * 99], "the student has PESQ 1.10, at the start it had PESQ 1.20"),
    ],
)
def test_a_training_that_gets_nowhere_ends_early_with_the_reason(
    sounds: list[Sound],
    reason: str,
    student: Student,
    examples: list[Example],
    impatient: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    heard = iter(sounds)
    monkeypatch.setattr(run, "judge", lambda *given: next(heard))
    log: list[str] = []
    with pytest.raises(NoProgress, match=reason):
        trained(plan(student, tmp_path), examples, log)
    assert len(log) < 10


def test_a_training_whose_loss_is_not_a_number_ends(
    student: Student, examples: list[Example], impatient: None, tmp_path: Path
) -> None:
    broken = replace(examples[0], samples=np.full_like(examples[0].samples, math.nan))
    with pytest.raises(NoProgress, match="its loss is nan"):
        trained(plan(student, tmp_path), [broken], [])
