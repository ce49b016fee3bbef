"""The chain that the usual guide draws: Core ML, then quantized, then the original. Each link with what became of it here."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.records.selections import Decision, Selection

_LINKS = {
    "Core ML": ("coreml",),
    "quantized": ("static", "dynamic", "int4", "guide"),
    "optimized": ("optimized",),
    "original": (None,),
}
# The guide knows none: it stands there once it was made.
_EXTRA = "optimized"


@dataclass(frozen=True)
class Step:
    """A link of the chain, with its candidates in the policy's order."""

    name: str
    candidates: tuple[Decision, ...] = ()

    @property
    def first(self) -> Decision | None:
        """The one that is selected, else the first that may be taken, else the first of all."""
        verdicts = ("selected", "eligible", "passed over")
        return min(self.candidates, key=lambda judged: verdicts.index(judged.verdict), default=None)


def fallback_chain(selection: Selection, recipes: Mapping[str, str | None]) -> tuple[Step, ...]:
    """`recipes` are by variant; what has none is another way to run the original."""
    links = (
        Step(name, tuple(judged for judged in selection.candidates if recipes.get(judged.variant) in made))
        for name, made in _LINKS.items()
    )
    return tuple(link for link in links if link.candidates or link.name != _EXTRA)
