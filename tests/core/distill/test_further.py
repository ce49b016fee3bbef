"""Training a student further: from its best weights, at lower rates, and only if it then sounds better."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.distill import run
from core.distill.examples import Example
from core.distill.network import StudentModule
from core.distill.pace import Pace
from core.distill.run import NotBetter, Plan, run_training
from core.distill.sound import Sound
from core.distill.student import Shape, Student, untrained
from core.distill.trained import Trained
from core.distill.training import Budget, Training
from core.errors import TtsdashError
from core.graph.index import GraphIndex
from core.vits.hifigan import read_decoder
from tests.core.distill.lessons import EXACT, RATE
from tests.vits import TINY, build_model

STEPS = 10


def make_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge and save after every step."""
    monkeypatch.setattr(run, "PACE", Pace(checkpoint_s=0, judged_s=0))
    monkeypatch.setattr(run, "fastest_arithmetic", lambda: EXACT)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    make_impatient(monkeypatch)


def hear(monkeypatch: pytest.MonkeyPatch, *sounds: float) -> None:
    """Let the students that are judged have these scores, and all later ones the last of them."""
    heard: Iterator[float] = iter([*sounds, *[sounds[-1]] * 1000])
    monkeypatch.setattr(run, "judge", lambda *given: Sound(1.0, next(heard)))


def plan(student: Student, folder: Path, trained: Trained | None = None, steps: int = STEPS) -> Plan:
    return Plan(student, Budget(steps=steps), folder / "checkpoint.pt", RATE, cores=1, trained=trained)


def run_to_end(one: Plan, examples: list[Example], log: list[str] | None = None) -> Training:
    return run_training(one, examples, examples[:1], (log or []).append, lambda stage, share: None)


@pytest.fixture(scope="module")
def trained(student: Student, examples: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A training that is over."""
    with pytest.MonkeyPatch.context() as patched:
        make_impatient(patched)
        hear(patched, *[1 + number / 100 for number in range(STEPS + 1)])
        training = run_to_end(plan(student, tmp_path_factory.mktemp("first")), examples)
    return Trained.of(training, "1h", None)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_what_is_kept_of_a_training_are_its_best_weights_and_what_it_took(trained: Trained, tmp_path: Path) -> None:
    assert (trained.budget, trained.steps, trained.runs) == ("1h", STEPS, 1)
    assert trained.seconds > 0
    trained.save(tmp_path / "state")
    read = Trained.read(tmp_path / "state")
    assert same(read.weights, trained.weights)
    assert replace(read, weights={}) == replace(trained, weights={})


def test_a_training_goes_on_from_the_weights_that_sounded_best_and_rounds_them_all_the_time(
    trained: Trained, student: Student, examples: list[Example], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    judged: list[tuple[bool, dict[str, torch.Tensor]]] = []

    def judge(module: StudentModule, *given: object) -> Sound:
        judged.append((module.int8, {name: values.clone() for name, values in module.state_dict().items()}))
        return Sound(1.0, 3 + len(judged) / 100)

    monkeypatch.setattr(run, "judge", judge)
    run_to_end(plan(student, tmp_path, trained), examples)
    assert same(judged[0][1], trained.weights)
    assert [rounds for rounds, _ in judged] == [True] * len(judged)


def test_its_learning_rates_are_lower(student: Student) -> None:
    new, continued = (
        Training(StudentModule(student), Budget(steps=10), EXACT, peak) for peak in (1.0, run._FURTHER_PEAK)
    )
    assert continued._rate_share == pytest.approx(run._FURTHER_PEAK * new._rate_share)
    assert run._FURTHER_PEAK < 1


def test_what_all_runs_took_is_added_up(
    trained: Trained, student: Student, examples: list[Example], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hear(monkeypatch, 3.0, 3.5)
    training = run_to_end(plan(student, tmp_path, trained, steps=5), examples)
    total = Trained.of(training, "90min", trained)
    assert (total.budget, total.steps, total.runs) == ("2h30min", STEPS + 5, 2)
    assert total.seconds == trained.seconds + training.seconds
    assert Trained.of(training, "auto", trained).budget == "auto"
    assert Trained.of(training, "7d", trained).budget == "168h"


@pytest.mark.parametrize("later", [3.4, 3.5], ids=["worse", "equal"])
def test_a_student_that_sounds_no_better_than_before_is_not_published(
    later: float,
    trained: Trained,
    student: Student,
    examples: list[Example],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    hear(monkeypatch, 3.5, later)
    reason = f"trained for another [0-9]+ s, the student has PESQ {later:.2f}, before it had PESQ 3.50: the variant stays as it was"
    with pytest.raises(NotBetter, match=reason):
        run_to_end(plan(student, tmp_path, trained), examples)


def test_a_student_that_sounds_worse_at_first_is_trained_to_the_end(
    trained: Trained, student: Student, examples: list[Example], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hear(monkeypatch, 3.5, *[3.0] * (STEPS - 1), 3.6)
    assert run_to_end(plan(student, tmp_path, trained), examples).best == Sound(1.0, 3.6)


def test_a_further_training_that_was_killed_goes_on_and_still_knows_how_it_sounded_before(
    trained: Trained, student: Student, examples: list[Example], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    def kill(stage: str, share: float) -> None:
        if share > 0.5:
            raise Killed

    hear(monkeypatch, 3.5, 3.0)
    with pytest.raises(Killed):
        run_training(plan(student, tmp_path, trained), examples, examples[:1], lambda line: None, kill)
    hear(monkeypatch, 3.4)
    with pytest.raises(NotBetter, match=r"PESQ 3\.40, before it had PESQ 3\.50"):
        run_to_end(plan(student, tmp_path, trained), examples)


def test_a_student_with_other_layers_than_the_trained_one_is_refused(
    trained: Trained, examples: list[Example], tmp_path: Path
) -> None:
    other = untrained(read_decoder(GraphIndex(build_model(TINY).graph)), Shape(((3, 1), (3, 3)), steps=8))
    with pytest.raises(TtsdashError, match="whose students have other layers: train a new one"):
        run_to_end(plan(other, tmp_path, trained), examples)
