"""The fallback chain: Core ML, then quantized, then the original, each step with the decisions on its variants."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.records.selections import CandidateStatus, Decision, Selection

_RECIPES = {
    "Core ML": ("coreml",),
    "quantized": ("distill", "static", "dynamic", "prune", "int4", "tune", "guide"),
    "optimized": ("optimized",),
    "original": (None,),
}
# Not a step of the guide's chain: shown only once such a variant exists.
_OPTIONAL = "optimized"
_BEST_FIRST = (CandidateStatus.SELECTED, CandidateStatus.ELIGIBLE, CandidateStatus.REJECTED)


@dataclass(frozen=True)
class Step:
    """A step of the chain, with its candidates in the policy's order."""

    name: str
    candidates: tuple[Decision, ...] = ()

    @property
    def first(self) -> Decision | None:
        """Return the selected candidate, else the first eligible one, else the first of all."""
        return min(self.candidates, key=lambda decision: _BEST_FIRST.index(decision.status), default=None)


def fallback_chain(selection: Selection, recipes: Mapping[str, str | None]) -> tuple[Step, ...]:
    """Return the steps of a selection. `recipes` are by variant; a variant without one runs the original."""
    steps = (
        Step(name, tuple(decision for decision in selection.candidates if recipes.get(decision.variant) in made))
        for name, made in _RECIPES.items()
    )
    return tuple(step for step in steps if step.candidates or step.name != _OPTIONAL)
