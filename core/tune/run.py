"""A search from its start, or from its journal, to a choice that is judged to reach the goal."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.clock import format_duration
from core.errors import TtsdashError
from core.tune.build import VariantBuilder
from core.tune.choice import Choice, Part
from core.tune.goal import Figures, Goal
from core.tune.journal import Journal
from core.tune.listener import Listener
from core.tune.search import Candidate, Trial, best_of, search

# The share of the budget after which nothing more is measured: the rest is for judging.
_MEASURING = 0.9
# ... and after which no scheme is measured alone any more.
_ALONE = 0.6
# After as many that were judged to miss the goal it is given up.
_MAX_JUDGED = 8


class GoalMissed(TtsdashError):
    """No choice that was judged reaches the goal."""


@dataclass(frozen=True)
class Plan:
    """What is searched for, from where, and for how long."""

    parts: tuple[Part, ...]
    starts: dict[str, Choice]
    goal: Goal
    budget_s: float
    scratch: Path
    """A file for the candidate that is being measured."""


class Tuning:
    """One search."""

    def __init__(
        self,
        plan: Plan,
        builder: VariantBuilder,
        listener: Listener,
        journal: Journal,
        log: Callable[[str], None],
        on_progress: Callable[[str, float], None],
    ) -> None:
        """Take what is needed. `on_progress` takes what is being tried, and the share of the budget that is used up."""
        self._plan, self._builder, self._listener, self._journal = plan, builder, listener, journal
        self._log, self._on_progress = log, on_progress
        self._clock = time.monotonic()

    @property
    def measured(self) -> dict[Choice, Figures]:
        """Return the figures of all choices that were measured."""
        return self._journal.measured

    def run(self) -> Candidate:
        """Return the best choice that was found, with the figures that it was judged by. Raises GoalMissed."""
        if self._journal.measured:
            self._log(
                f"going on after {format_duration(self._journal.seconds)}, with {len(self._journal.measured)} measured"
            )
        margin = 0.0
        for _ in range(_MAX_JUDGED):
            goal = self._plan.goal.stricter(margin)
            self._explore(goal)
            best = self._next_to_judge(goal)
            if best is None:
                break
            judged = self._journal.judged.get(best.choice) or self._judge(best)
            if self._plan.goal.shortfall(judged) == 0:
                return Candidate(best.choice, judged)
            # The sentences of the search may flatter.
            margin = max(margin, (best.figures.pesq or 0.0) - (judged.pesq or 0.0))
        raise GoalMissed(self._missed())

    def _explore(self, goal: Goal) -> None:
        """Measure what the search asks for, until it ends or the time does."""
        asking = search(self._plan.parts, self._plan.starts, self._plan.goal, goal, self._is_affordable)
        trial = next(asking, None)
        while trial is not None:
            figures = self._journal.measured.get(trial.choice)
            if figures is None:
                if self._is_over and self._has_started:
                    return
                figures = self._measure(trial)
            try:
                trial = asking.send(figures)
            except StopIteration:
                return

    def _is_affordable(self, choice: Choice) -> bool:
        return choice in self._journal.measured or self._journal.seconds < _ALONE * self._plan.budget_s

    @property
    def _is_over(self) -> bool:
        return self._journal.seconds >= _MEASURING * self._plan.budget_s

    @property
    def _has_started(self) -> bool:
        """Return whether the choices of the recipes were measured: without them there is nothing to end with."""
        return all(choice in self._journal.measured for choice in self._plan.starts.values())

    def _measure(self, trial: Trial) -> Figures:
        count = len(self._journal.measured) + 1
        self._report(f"trying candidate {count}, {trial.what}")
        self._builder.write(trial.choice, self._plan.scratch)
        figures = self._listener.measure(self._plan.scratch)
        self._journal.measured[trial.choice] = figures
        self._keep()
        self._log(f"candidate {count}, {trial.what}: {figures}")
        return figures

    def _judge(self, candidate: Candidate) -> Figures:
        self._report(f"judging {candidate.figures.mb:.2f} MB")
        self._builder.write(candidate.choice, self._plan.scratch)
        judged = self._listener.judge(self._plan.scratch)
        self._journal.judged[candidate.choice] = judged
        self._keep()
        self._log(f"judged on the texts of a benchmark: {judged}")
        return judged

    def _next_to_judge(self, goal: Goal) -> Candidate | None:
        """Return the candidate that is measured to be the nearest to the goal, among those that were not judged to miss it."""
        missed = {choice for choice, judged in self._journal.judged.items() if self._plan.goal.shortfall(judged)}
        waiting = {one: found for one, found in self._journal.measured.items() if one not in missed}
        return best_of(waiting, goal) if waiting else None

    def _keep(self) -> None:
        now = time.monotonic()
        self._journal.seconds += now - self._clock
        self._clock = now
        self._journal.write()

    def _report(self, what: str) -> None:
        self._on_progress(what, min(1.0, self._journal.seconds / self._plan.budget_s))

    def _missed(self) -> str:
        judged = self._journal.judged.values()
        nearest = min(judged, key=self._plan.goal.rank)
        return (
            f"no choice of {len(self._journal.measured)} is {self._plan.goal}: the nearest has {nearest}; "
            "give other bounds (--param pesq=..., --param mb=...) or more time (--param budget=...)"
        )
