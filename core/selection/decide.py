"""Judges a voice's variants for one machine, and selects one. Plain facts in, plain words out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from core.engines.names import BY_PROVIDER
from core.hardware.capabilities import core_ml_missing
from core.hardware.detection import HardwareInfo
from core.records.selection_warnings import SelectionWarning, WarningKind
from core.records.selections import Decision, Policy, Selection
from core.records.verdict import SpeedVerdict, speed_verdict
from core.selection.figures import Figures
from core.selection.pairs import PairedSpeed, Unpaired

_COREML, _GUIDE = "coreml", "guide"
_OPPOSITE: dict[SpeedVerdict, SpeedVerdict] = {
    "faster": "slower",
    "slower": "faster",
    "no difference": "no difference",
}
# The usual guide's order: Core ML, then quantized, then the original; before that what only rewrites the graph.
_ORDER = (_COREML, "static", "dynamic", "int4", "optimized", None)


@dataclass(frozen=True)
class Candidate:
    """A variant as the judge sees it."""

    name: str
    recipe: str | None
    """None for the original."""
    problem: str | None = None
    """Why its files cannot be used: gone, or not what was made."""
    caveat: str | None = None
    """Why it is not verified, although its files are well."""
    oldest_macos: int = 0
    figures: Figures | None = None
    """The newest of just these files, on this machine, at all cores."""

    @property
    def is_original(self) -> bool:
        return self.recipe is None and self.name != BY_PROVIDER


Compare = Callable[[Candidate, Candidate], PairedSpeed | Unpaired]
"""How fast the second of two measured variants is beside the first, by the pairs of their run."""


def select(
    voice: str,
    candidates: Sequence[Candidate],
    probes: HardwareInfo,
    policy: Policy,
    pinned: str | None = None,
    why_not_loaded: Callable[[Candidate], str | None] = lambda _: None,
    compare: Compare = lambda _picked, _other: Unpaired.DIFFERENT_RUNS,
) -> Selection:
    """The selection on a machine that answered those probes; the original must be among the candidates.

    `why_not_loaded` tries to load what is about to be selected; what it says passes the candidate over. `compare` is asked
    of what was picked beside each other variant that may be better.
    """
    ordered = sorted(candidates, key=lambda candidate: _turn(candidate, policy))
    refused = {candidate.name: _refused(candidate, probes, policy) for candidate in ordered}
    picked, reason = next((candidate for candidate in ordered if candidate.name == pinned), None), "pinned by hand"
    useless = picked and (_unusable(picked, probes) or why_not_loaded(picked))
    warnings = []
    if pinned and (picked is None or useless):
        text = f"{pinned} is pinned, but cannot be used: {useless or 'it is gone'}"
        warnings.append(SelectionWarning(WarningKind.UNUSABLE_PIN, pinned, text))
        picked = None
    for candidate in ordered:
        if picked is None and refused[candidate.name] is None:
            refused[candidate.name] = why_not_loaded(candidate)
            if refused[candidate.name] is None:
                picked, reason = candidate, _why(candidate, policy)
    if picked is None:
        picked = next(candidate for candidate in ordered if candidate.is_original)
        reason = "nothing can be used here; the original is what is left"
        text = f"the original cannot be used either: {refused[picked.name]}"
        warnings.append(SelectionWarning(WarningKind.UNUSABLE_ORIGINAL, picked.name, text))
    others = [candidate for candidate in ordered if candidate is not picked and refused[candidate.name] is None]
    judged = tuple(_judge(candidate, picked, reason, refused[candidate.name]) for candidate in ordered)
    warnings += _warnings(voice, picked, others, compare)
    return Selection(voice, policy, pinned, picked.name, reason, judged, tuple(warnings))


def _turn(candidate: Candidate, policy: Policy) -> tuple[float, int, bool, float, str]:
    """What sorts candidates: by the policy, then default parameters first, then the faster one."""
    order = _ORDER.index(candidate.recipe) if candidate.recipe in _ORDER else len(_ORDER)
    if candidate.name == BY_PROVIDER:
        order = len(_ORDER)
    speedup = candidate.figures.speedup if candidate.figures else 0.0
    first = -speedup if policy == "measured" else 0.0
    return first, order, "+" in candidate.name, -speedup, candidate.name


def _refused(candidate: Candidate, probes: HardwareInfo, policy: Policy) -> str | None:
    """Why the policy passes the candidate over; None if it may take it."""
    reason = _unusable(candidate, probes)
    if reason and candidate.caveat:
        reason = f"{reason}; {candidate.caveat}"
    if reason is None and candidate.recipe == _GUIDE:
        reason = "made as the usual guide does it, to compare with"
    if reason is None and candidate.caveat:
        reason = f"not verified: {candidate.caveat}"
    figures = candidate.figures
    if reason is None and figures and figures.grade == "broken":
        reason = "sound: broken"
    if reason or candidate.is_original:
        return reason
    return _refused_by_measure(candidate) if policy == "measured" else _refused_by_order(candidate)


def _refused_by_measure(candidate: Candidate) -> str | None:
    figures = candidate.figures
    if figures is None:
        return "not measured on this machine at all cores"
    if speed_verdict(figures.interval) == "slower":
        return f"slower than the original here: {figures.speedup:.2f}x"
    return None if figures.sounds_good else f"sound: {figures.grade or 'not graded'}"


def _refused_by_order(candidate: Candidate) -> str | None:
    return "the policy measured may take it" if candidate.name == BY_PROVIDER else None


def _unusable(candidate: Candidate, probes: HardwareInfo) -> str | None:
    """What not even a pin can help."""
    if candidate.problem:
        return candidate.problem
    return core_ml_missing(probes, candidate.oldest_macos) if candidate.recipe == _COREML else None


def _why(candidate: Candidate, policy: Policy) -> str:
    if candidate.is_original:
        return "nothing that sounds right is faster here" if policy == "measured" else "nothing before it can be used"
    which = "the fastest measured that sounds right" if policy == "measured" else "the first in order that can be used"
    return f"{which}: {_figures(candidate)}"


def _judge(candidate: Candidate, picked: Candidate, reason: str, refused: str | None) -> Decision:
    if candidate is picked:
        return Decision(candidate.name, "selected", reason)
    if refused:
        return Decision(candidate.name, "passed over", refused, names_caveat=candidate.caveat is not None)
    return Decision(candidate.name, "eligible", f"comes after: {_figures(candidate)}")


def _figures(candidate: Candidate) -> str:
    if candidate.is_original:
        return "what the others are measured by"
    figures = candidate.figures
    if figures is None:
        return "not measured on this machine at all cores"
    unclear = ", no difference" if speed_verdict(figures.interval) == "no difference" else ""
    busy = ", the machine was busy" if figures.noisy else ""
    return f"{figures.speedup:.2f}x here{unclear}{busy}, sound {figures.grade}"


def _warnings(
    voice: str, picked: Candidate, others: Sequence[Candidate], compare: Compare
) -> Iterator[SelectionWarning]:
    """What speaks against the pick."""
    name = picked.name
    if picked.figures is None and not picked.is_original:
        text = f"{name} has not been measured on this machine at all cores: ttsdash benchmark {voice}"
        yield SelectionWarning(WarningKind.UNMEASURED, name, text)
        return
    mine = _figures_of(picked)
    if picked.caveat:
        yield SelectionWarning(WarningKind.UNVERIFIED, name, f"{name}: {picked.caveat}")
    if speed_verdict(mine.interval) == "slower":
        text = f"{name} is SLOWER than the original on this machine: {mine.speedup:.2f}x"
        yield SelectionWarning(WarningKind.SLOWER, name, text)
    if mine.grade is None:
        yield SelectionWarning(WarningKind.UNGRADED, name, f"{name} sounds as nobody knows: it is not graded")
    elif not mine.sounds_good:
        yield SelectionWarning(WarningKind.DEGRADED, name, f"{name} sounds {mine.grade}")
    for other in others:
        if other.is_original or other.figures:
            yield from _beside(picked, other, compare)


def _beside(picked: Candidate, other: Candidate, compare: Compare) -> Iterator[SelectionWarning]:
    """Whether another variant is faster than the pick, or sounds better without being slower."""
    mine, theirs = _figures_of(picked), _figures_of(other)
    if not (theirs.sounds_good or theirs.sounds_no_worse_than(mine)):
        return
    if other.is_original and not theirs.sounds_better_than(mine):
        return
    speed, how = _speed_beside(picked, other, compare)
    if speed == "faster" and not other.is_original:
        yield SelectionWarning(WarningKind.FASTER_EXISTS, other.name, f"{other.name} is faster here: {how}")
    elif speed != "slower" and theirs.sounds_better_than(mine):
        text = f"{other.name} sounds better ({theirs.grade}) and is no slower than {picked.name}: {how}"
        yield SelectionWarning(WarningKind.BETTER_EXISTS, other.name, text)


def _speed_beside(picked: Candidate, other: Candidate, compare: Compare) -> tuple[SpeedVerdict, str]:
    """How fast the other variant is beside the pick, and the figures that say so.

    What a benchmark found of a variant is already its speed beside the original, pair by pair.
    """
    mine, theirs = _figures_of(picked), _figures_of(other)
    figures = f"{theirs.speedup:.2f}x, {picked.name} {mine.speedup:.2f}x"
    if picked.is_original:
        return speed_verdict(theirs.interval), figures
    if other.is_original:
        return _OPPOSITE[speed_verdict(mine.interval)], figures
    found = compare(picked, other)
    if isinstance(found, PairedSpeed):
        low, high = found.interval
        how = f"{found.ratio:.2f}x as fast as {picked.name} in the same pairs, 95 % interval {low:.2f}–{high:.2f}"
        return speed_verdict(found.interval), how
    figures += f" ({found})"
    if theirs.is_faster_than(mine):
        return "faster", figures
    return "slower" if mine.is_faster_than(theirs) else "no difference", figures


def _figures_of(candidate: Candidate) -> Figures:
    """The figures of a candidate that has some; the original is what the others are measured by."""
    if candidate.is_original:
        return Figures(1.0, (1.0, 1.0), "transparent")
    if candidate.figures is None:
        raise ValueError(f"{candidate.name} has no figures")
    return candidate.figures
