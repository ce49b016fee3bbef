"""The search for the best choice of schemes. Pure: it yields what to measure next, and is sent the figures.

It begins with the choices that the recipes make. Around the one that is nearest to the goal, each other scheme of each part
is measured alone. From these effects it predicts which choices are the best for their sound, and measures along them; from
the best one it then goes on by single changes and by exchanges of two parts.
"""

import math
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

from core.tune.choice import Choice, Part, Scheme
from core.tune.goal import Aim, Figures, Goal

# Changes in a row that were measured and were no better.
_PATIENCE = 10
# Schemes that are measured alone at a time once nothing else promises more.
_BATCH = 8
# Speeds that differ by less are the same.
_SAME_SPEED = 0.03


@dataclass(frozen=True)
class Trial:
    """A choice to be measured, and what for."""

    choice: Choice
    what: str


Search = Generator[Trial, Figures, None]
"""Yields trials, and is sent their figures."""


@dataclass(frozen=True)
class Effect:
    """What a scheme of one part changes, relative to the base."""

    part: str
    scheme: Scheme
    mb: float = 0.0
    time: float = 0.0
    """In units of the time that the original takes."""
    loss: float = 0.0

    def cost(self, aim: Aim) -> float:
        """Return what the sound is paid for with: time, or size."""
        return self.time if aim is Aim.FASTEST else self.mb

    def minus(self, other: "Effect") -> "Effect":
        """Return the change from another scheme of the part to this one."""
        return Effect(self.part, self.scheme, self.mb - other.mb, self.time - other.time, self.loss - other.loss)


@dataclass(frozen=True)
class Candidate:
    """A choice with its figures."""

    choice: Choice
    figures: Figures


def _always(choice: Choice) -> bool:
    return True


def search(
    parts: Sequence[Part],
    starts: Mapping[str, Choice],
    goal: Goal,
    stricter: Goal,
    is_affordable: Callable[[Choice], bool] = _always,
) -> Search:
    """Yield what to measure, until nothing promises more. `starts` are the choices of recipes, by name.

    The base is chosen by the goal; `stricter` has the bounds that figures must keep for the goal to be reached.
    `is_affordable` returns whether there is time to measure a scheme alone: some is to be left for what follows from them.
    """
    seen: dict[Choice, Figures] = {}
    for name, choice in starts.items():
        if choice not in seen:
            seen[choice] = yield Trial(choice, f"as {name}")
    base = best_of(seen, goal)
    effects = [Effect(part.name, base.choice[part.name]) for part in parts]
    skipped: list[tuple[Part, Scheme]] = []
    waiting = _alternatives(parts, base.choice, goal.aim)
    while waiting:
        for part, scheme in waiting:
            choice = base.choice.replaced({part.name: scheme})
            if choice not in seen and not is_affordable(choice):
                skipped.append((part, scheme))
                continue
            if choice not in seen:
                seen[choice] = yield Trial(choice, f"{part.name} {scheme}")
            effects.append(effect_of(part.name, scheme, base.figures, seen[choice]))
        yield from _along(predicted_front(base.choice, effects, goal.aim), seen, stricter)
        yield from _exchange(effects, seen, stricter)
        # Nothing promises more. If there is time left, a few more schemes are measured alone.
        waiting, skipped = skipped[:_BATCH], skipped[_BATCH:]
        is_affordable = _always


def best_of(seen: Mapping[Choice, Figures], goal: Goal) -> Candidate:
    """Return the candidate that is nearest to the goal."""
    return Candidate(*min(seen.items(), key=lambda entry: goal.rank(entry[1])))


def front_of(seen: Mapping[Choice, Figures]) -> list[Candidate]:
    """Return the candidates that no other beats in size, speed and sound, the smallest first."""
    found: list[Candidate] = []
    for choice, figures in sorted(seen.items(), key=lambda entry: (entry[1].size_bytes, entry[1].loss)):
        if not any(_dominates(other.figures, figures) for other in found):
            found.append(Candidate(choice, figures))
    return found


def _dominates(one: Figures, other: Figures) -> bool:
    """Return whether `one`, which is no larger, is no slower and sounds no worse."""
    return one.speedup >= other.speedup * (1 - _SAME_SPEED) and one.loss <= other.loss


def effect_of(part: str, scheme: Scheme, base: Figures, figures: Figures) -> Effect:
    """Return the effect of a scheme that was measured alone."""
    time = 1 / figures.speedup - 1 / base.speedup
    return Effect(part, scheme, figures.mb - base.mb, time, figures.loss - base.loss)


def _alternatives(parts: Sequence[Part], base: Choice, aim: Aim) -> list[tuple[Part, Scheme]]:
    """Return each other scheme of each part: what is next to the base first, and of that what may gain most."""
    found = [(part, scheme) for part in parts for scheme in part.schemes if scheme != base[part.name]]

    def order(part: Part, scheme: Scheme) -> tuple[int, float]:
        now = base[part.name]
        distance = abs(part.schemes.index(scheme) - part.schemes.index(now))
        return distance, -part.values if aim is Aim.FASTEST else part.values * (scheme.bits - now.bits)

    return sorted(found, key=lambda entry: order(*entry))


def predicted_front(base: Choice, effects: Sequence[Effect], aim: Aim) -> list[Choice]:
    """Return the choices that have the least loss for their cost if effects add up, those with the lowest cost first.

    They are the lower convex hull: for each price of the loss, the schemes with the least sum of cost and priced loss.
    """
    by_part: dict[str, list[Effect]] = {}
    for effect in effects:
        by_part.setdefault(effect.part, []).append(effect)
    found: dict[Choice, float] = {}
    for price in _prices(by_part.values(), aim):
        best = [
            min(options, key=lambda one: (one.cost(aim) + price * one.loss, one.loss)) for options in by_part.values()
        ]
        choice = base.replaced({effect.part: effect.scheme for effect in best})
        found.setdefault(choice, sum(effect.cost(aim) for effect in best))
    return sorted(found, key=found.__getitem__)


def _prices(by_part: Iterable[Sequence[Effect]], aim: Aim) -> list[float]:
    """Return prices of the loss: one between each two at which a scheme becomes better than another one of its part."""
    points: set[float] = set()
    for options in by_part:
        for one, other in combinations(options, 2):
            if one.loss != other.loss:
                points.add((other.cost(aim) - one.cost(aim)) / (one.loss - other.loss))
    turning = sorted(point for point in points if point > 0)
    between = [math.sqrt(low * high) for low, high in pairwise(turning)]
    return [0.0, *(turning[0] / 2 for _ in turning[:1]), *between, *(price * 2 for price in turning[-1:])]


def _along(front: Sequence[Choice], seen: dict[Choice, Figures], goal: Goal) -> Search:
    """Measure choices of the front by bisection: how far the bounds are kept."""
    low, high = 0, len(front)
    while low < high:
        middle = (low + high) // 2
        choice = front[middle]
        if choice not in seen:
            seen[choice] = yield Trial(choice, "by the effects of all parts")
        if _may_cost_more(seen[choice], goal):
            low = middle + 1
        else:
            high = middle


def _may_cost_more(figures: Figures, goal: Goal) -> bool:
    """Return whether a choice with a better sound comes into question rather than one with a lower cost."""
    if goal.max_mb is not None and figures.mb > goal.max_mb:
        return False
    return goal.aim is Aim.BEST or goal.shortfall(figures) > 0


def _exchange(effects: Sequence[Effect], seen: dict[Choice, Figures], goal: Goal) -> Search:
    """Change one part or two of the best one so far, what promises most first, until that has failed often enough."""
    best, failed = best_of(seen, goal), 0
    while failed < _PATIENCE:
        step = next((choice for choice in _neighbors(best, effects, goal) if choice not in seen), None)
        if step is None:
            return
        changes = step.changes_from(best.choice).items()
        seen[step] = yield Trial(step, " and ".join(f"{part} {scheme}" for part, scheme in changes))
        better = best_of(seen, goal)
        best, failed = better, 0 if better != best else failed + 1


def _neighbors(best: Candidate, effects: Sequence[Effect], goal: Goal) -> list[Choice]:
    """Return the choices that differ in one part or two and are predicted to be nearer to the goal, the nearest first."""
    known = {(effect.part, effect.scheme): effect for effect in effects}
    now = {part: known[part, scheme] for part, scheme in best.choice.schemes if (part, scheme) in known}
    moves = [effect.minus(now[effect.part]) for effect in effects if effect.scheme != best.choice[effect.part]]
    changes: list[tuple[Effect, ...]] = [(move,) for move in moves]
    changes += [pair for pair in combinations(moves, 2) if pair[0].part != pair[1].part]
    ranked = [(goal.rank(_predict(best.figures, change)), change) for change in changes]
    promising = sorted((entry for entry in ranked if entry[0] < goal.rank(best.figures)), key=lambda entry: entry[0])
    return [best.choice.replaced({move.part: move.scheme for move in change}) for _, change in promising]


def _predict(figures: Figures, changes: Sequence[Effect]) -> Figures:
    """Return the figures after some changes if their effects add up."""
    loss = sum(change.loss for change in changes)
    return replace(
        figures,
        size_bytes=figures.size_bytes + round(1e6 * sum(change.mb for change in changes)),
        speedup=1 / max(1e-3, 1 / figures.speedup + sum(change.time for change in changes)),
        pesq=None if figures.pesq is None else figures.pesq - loss,
        mel_db=figures.mel_db + (loss if figures.pesq is None else 0.0),
    )
