"""The search for a choice of schemes, on made-up voices whose figures follow a formula."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from core.tune.choice import Choice, Part, PartKind, Scheme
from core.tune.goal import Aim, Figures, Goal, read_goal
from core.tune.search import Effect, best_of, front_of, predicted_front, search
from core.tune.starts import starting_choices

FORMATS = (Scheme.FP16, Scheme.INT8, Scheme.INT4_32)
MB = {Scheme.FP16: 2.0, Scheme.INT8: 1.0, Scheme.INT4_32: 0.5}
PARTS = tuple(Part(name, PartKind.TEXT, FORMATS, size) for name, size in (("a", 1), ("b", 2), ("c", 3), ("d", 4)))
# What 8 and 4 bits cost in PESQ, by part.
HARM = {"a": (0.0, 0.01), "b": (0.05, 0.2), "c": (0.0, 1.0), "d": (0.1, 0.12)}


def figures_of(choice: Choice) -> Figures:
    """The figures of a choice whose effects add up, nearly."""
    mb, lost = 1.0, 0.0
    for part in PARTS:
        scheme = choice[part.name]
        mb += part.values * MB[scheme]
        lost += dict(zip(FORMATS, (0.0, *HARM[part.name]), strict=True))[scheme]
    pesq = 4.6 - lost - 0.02 * lost**2
    grade = "slight" if pesq >= 3.5 else "noticeable"
    return Figures(round(mb * 1e6), 1.5, grade, 0.0, 0.0, 1.0, pesq, pesq - 0.3)


def choice(**schemes: Scheme) -> Choice:
    return Choice.of(PARTS, dict.fromkeys("abcd", Scheme.INT8) | schemes)


STARTS = {"first": choice(**dict.fromkeys("abcd", Scheme.FP16)), "second": choice()}


def run(
    goal: Goal, figures: Callable[[Choice], Figures] = figures_of, starts: Mapping[str, Choice] = STARTS
) -> dict[Choice, Figures]:
    """Answer a search until it ends, and return all that it measured."""
    asking, seen = search(PARTS, starts, goal, goal), dict[Choice, Figures]()
    trial = next(asking, None)
    while trial is not None:
        assert trial.choice not in seen
        seen[trial.choice] = figures(trial.choice)
        try:
            trial = asking.send(seen[trial.choice])
        except StopIteration:
            break
    return seen


def all_choices() -> list[Choice]:
    found = [choice()]
    for part in PARTS:
        found = [one.replaced({part.name: scheme}) for one in found for scheme in FORMATS]
    return found


@pytest.mark.parametrize(
    "goal",
    [
        Goal(Aim.SMALLEST),
        Goal(Aim.SMALLEST, min_pesq=4.4),
        Goal(Aim.SMALLEST, min_pesq=4.0),
        Goal(Aim.BEST, max_mb=8.0),
        Goal(Aim.BEST, max_mb=12.0),
    ],
    ids=str,
)
def test_the_search_finds_the_best_of_all_choices_by_measuring_a_part_of_them(goal: Goal) -> None:
    seen = run(goal)
    best = min(map(figures_of, all_choices()), key=goal.rank)
    assert goal.rank(best_of(seen, goal).figures) == goal.rank(best)
    assert len(seen) < len(all_choices()) / 2


def test_the_search_measures_the_choices_of_the_recipes_then_each_scheme_alone() -> None:
    asking = search(PARTS, STARTS, Goal(Aim.SMALLEST), Goal(Aim.SMALLEST))
    trials = [next(asking)]
    for _ in range(9):
        trials.append(asking.send(figures_of(trials[-1].choice)))
    assert [trial.what for trial in trials[:2]] == ["as first", "as second"]
    base = STARTS["second"]
    assert all(len(trial.choice.changes_from(base)) == 1 for trial in trials[2:])
    # What saves most first, and what adds most last; of a distance all are here.
    assert [next(iter(trial.choice.changes_from(base))) for trial in trials[2:]] == [*"dcbaabcd"]


def test_a_scheme_that_there_is_no_time_for_is_measured_when_nothing_else_promises_more() -> None:
    measured: list[Choice] = []

    def affordable(one: Choice) -> bool:
        return one["d"] is Scheme.INT8

    asking = search(PARTS, STARTS, Goal(Aim.SMALLEST), Goal(Aim.SMALLEST), affordable)
    trial = next(asking)
    with contextlib.suppress(StopIteration):
        while True:
            measured.append(trial.choice)
            trial = asking.send(figures_of(trial.choice))
    changed = [one for one in measured[2:] if one["d"] is not Scheme.INT8]
    assert changed
    assert measured.index(changed[0]) > 2 + 6
    assert len(set(measured)) == len(measured)


def test_the_fastest_is_found_by_time() -> None:
    def timed(one: Choice) -> Figures:
        slower = sum(scheme is Scheme.INT4_32 for _, scheme in one.schemes)
        return replace(figures_of(one), speedup=2 - 0.1 * slower - 0.05 * (one["b"] is Scheme.FP16))

    goal = read_goal("fastest", None, None)
    best = best_of(run(goal, timed), goal)
    assert best.figures.speedup == 2
    assert best.figures.pesq is not None and best.figures.pesq >= 4


def test_without_pesq_the_mel_distance_decides() -> None:
    def unscored(one: Choice) -> Figures:
        scored = figures_of(one)
        return replace(scored, pesq=None, worst_pesq=None, mel_db=4.6 - (scored.pesq or 0))

    goal = Goal(Aim.BEST, max_mb=9.0)
    best = best_of(run(goal, unscored), goal)
    assert best.figures.mel_db == min(
        unscored(one).mel_db for one in all_choices() if goal.shortfall(unscored(one)) == 0
    )


def test_the_predicted_choices_are_those_on_the_lower_hull() -> None:
    base = choice()
    effects = [Effect(part.name, Scheme.INT8) for part in PARTS] + [
        # Small and harmless, large and harmless, large and harmful, and worse in everything.
        Effect("a", Scheme.INT4_32, -0.1, 0, 0.0),
        Effect("b", Scheme.INT4_32, -1.0, 0, 0.1),
        Effect("c", Scheme.INT4_32, -1.0, 0, 2.0),
        Effect("d", Scheme.INT4_32, 0.1, 0, 0.5),
    ]
    fronts = [dict(found.changes_from(base)) for found in predicted_front(base, effects, Aim.SMALLEST)]
    assert [set(front) for front in fronts] == [{"a", "b", "c"}, {"a", "b"}, {"a"}]


def test_the_front_has_no_choice_that_another_one_beats_in_everything() -> None:
    front = [candidate.figures for candidate in front_of({one: figures_of(one) for one in all_choices()})]
    assert [one.size_bytes for one in front] == sorted(one.size_bytes for one in front)
    assert [one.loss for one in front] == sorted((one.loss for one in front), reverse=True)


GOOD = Figures(12_000_000, 1.4, "slight", 0.2, 0.0, 1.8, 4.0, 3.6)


@pytest.mark.parametrize(
    ("goal", "figures", "reached"),
    [
        (Goal(Aim.SMALLEST), GOOD, True),
        (Goal(Aim.SMALLEST), replace(GOOD, grade="noticeable"), False),
        (Goal(Aim.SMALLEST), replace(GOOD, speedup=0.9), False),
        (Goal(Aim.SMALLEST, min_pesq=4.0), GOOD, True),
        (Goal(Aim.SMALLEST, min_pesq=4.1), GOOD, False),
        (Goal(Aim.SMALLEST, min_pesq=4.1), replace(GOOD, pesq=None), True),
        (Goal(Aim.BEST, max_mb=12), GOOD, True),
        (Goal(Aim.BEST, max_mb=11.9), GOOD, False),
        (read_goal("fastest", None, None), replace(GOOD, pesq=3.99), False),
        (read_goal("fastest", 3.9, None), replace(GOOD, pesq=3.99), True),
    ],
)
def test_a_goal_is_reached_when_all_its_bounds_are_kept(goal: Goal, figures: Figures, reached: bool) -> None:
    assert (goal.shortfall(figures) == 0) is reached


def test_each_recipe_is_a_choice_to_begin_with() -> None:
    parts = (
        Part("text", PartKind.TEXT, (Scheme.FP16, Scheme.INT8), 1),
        Part("flow", PartKind.FLOW, (Scheme.DYNAMIC, Scheme.STATIC, Scheme.INT4_32), 1),
        *(Part(f"stage-{n}", PartKind.STAGE, (Scheme.FP32, Scheme.DYNAMIC, Scheme.STATIC), 1) for n in (1, 2, 3)),
        Part("decoder", PartKind.STORED, (Scheme.FP16, Scheme.INT8), 1),
    )
    starts = {name: str(one) for name, one in starting_choices(parts).items()}
    assert starts == {
        "dynamic-int8": "text:fp16,flow:dynamic,stage-1:dynamic,stage-2:dynamic,stage-3:fp32,decoder:fp16",
        "static-int8": "text:fp16,flow:static,stage-1:static,stage-2:static,stage-3:fp32,decoder:fp16",
        "int4": "text:int8,flow:int4-32,stage-1:dynamic,stage-2:dynamic,stage-3:fp32,decoder:int8",
    }
