"""Decide which variant of a voice to use on a machine. Pure: facts in, a selection with reasons and warnings out."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from core.engines.names import BY_PROVIDER
from core.hardware.capabilities import core_ml_missing
from core.hardware.detection import HardwareInfo
from core.records.selection_warnings import SelectionWarning, WarningKind
from core.records.selections import CandidateStatus, Decision, Policy, Selection
from core.records.verdict import SpeedVerdict, speed_verdict
from core.selection.pairs import PairedSpeed, Unpaired
from core.selection.performance import Performance

_COREML, _GUIDE = "coreml", "guide"
# The policy `priority`: Core ML, then quantized, then what only rewrites the graph, then the original.
_ORDER = (_COREML, "static", "dynamic", "int4", "optimized", None)
_BASELINE = Performance(1.0, (1.0, 1.0), "transparent")
_OPPOSITE: dict[SpeedVerdict, SpeedVerdict] = {
    "faster": "slower",
    "slower": "faster",
    "no difference": "no difference",
}


@dataclass(frozen=True)
class Candidate:
    """A variant with the facts that the decision needs."""

    name: str
    recipe: str | None
    """None for the original."""
    problem: str | None = None
    """Why its files cannot be used: missing, or not the files that were made."""
    caveat: str | None = None
    """Why it is not verified although its files are intact."""
    oldest_macos: int = 0
    performance: Performance | None = None
    """The newest result of these very files, on this machine, at all cores."""

    @property
    def is_original(self) -> bool:
        """Return whether it is the original, run by ONNX Runtime's CPU provider."""
        return self.recipe is None and self.name != BY_PROVIDER


Compare = Callable[[Candidate, Candidate], PairedSpeed | Unpaired]
"""Return how fast the second of two measured variants is relative to the first, from the pairs of their run."""


def decide(
    voice: str,
    candidates: Sequence[Candidate],
    hardware: HardwareInfo,
    policy: Policy,
    pinned: str | None = None,
    load_error: Callable[[Candidate], str | None] = lambda _: None,
    compare: Compare = lambda _picked, _other: Unpaired.DIFFERENT_RUNS,
) -> Selection:
    """Return the selection for a machine. The original must be among the candidates.

    `load_error` tries to load a candidate that is about to be selected and returns why that fails; the candidate is then
    rejected. `compare` is called with the selected candidate and each other one that may be better.
    """
    ranked = sorted(candidates, key=lambda candidate: _rank(candidate, policy))
    rejections = {candidate.name: _rejection(candidate, hardware, policy) for candidate in ranked}
    picked, reason = next((candidate for candidate in ranked if candidate.name == pinned), None), "pinned"
    unusable = picked and (_unusable(picked, hardware) or load_error(picked))
    warnings = []
    if pinned and (picked is None or unusable):
        text = f"{pinned} is pinned but cannot be used: {unusable or 'it no longer exists'}"
        warnings.append(SelectionWarning(WarningKind.UNUSABLE_PIN, pinned, text))
        picked = None
    for candidate in ranked:
        if picked is None and rejections[candidate.name] is None:
            rejections[candidate.name] = load_error(candidate)
            if rejections[candidate.name] is None:
                picked, reason = candidate, _reason(candidate, policy)
    if picked is None:
        picked = next(candidate for candidate in ranked if candidate.is_original)
        reason = "no candidate can be used; the original is the last resort"
        text = f"the original cannot be used either: {rejections[picked.name]}"
        warnings.append(SelectionWarning(WarningKind.UNUSABLE_ORIGINAL, picked.name, text))
    others = [candidate for candidate in ranked if candidate is not picked and rejections[candidate.name] is None]
    decisions = tuple(_decision(candidate, picked, reason, rejections[candidate.name]) for candidate in ranked)
    warnings += _warnings(voice, picked, others, compare)
    return Selection(voice, policy, pinned, picked.name, reason, decisions, tuple(warnings))


def _rank(candidate: Candidate, policy: Policy) -> tuple[float, int, bool, float, str]:
    """Return the sort key: by policy, then default parameters before others, then the faster one."""
    order = _ORDER.index(candidate.recipe) if candidate.recipe in _ORDER else len(_ORDER)
    if candidate.name == BY_PROVIDER:
        order = len(_ORDER)
    speedup = candidate.performance.speedup if candidate.performance else 0.0
    first = -speedup if policy == "measured" else 0.0
    return first, order, "+" in candidate.name, -speedup, candidate.name


def _rejection(candidate: Candidate, hardware: HardwareInfo, policy: Policy) -> str | None:
    """Return why the policy rejects a candidate, None if it may be selected."""
    reason = _unusable(candidate, hardware)
    if reason and candidate.caveat:
        reason = f"{reason}; {candidate.caveat}"
    if reason is None and candidate.recipe == _GUIDE:
        reason = "made by the guide's recipe, for comparison only"
    if reason is None and candidate.caveat:
        reason = f"not verified: {candidate.caveat}"
    performance = candidate.performance
    if reason is None and performance and performance.grade == "broken":
        reason = "sound: broken"
    if reason or candidate.is_original:
        return reason
    if policy == "measured":
        return _rejection_by_performance(performance)
    return "only the policy measured can select it" if candidate.name == BY_PROVIDER else None


def _rejection_by_performance(performance: Performance | None) -> str | None:
    if performance is None:
        return "not measured on this machine at all cores"
    if speed_verdict(performance.interval) == "slower":
        return f"slower than the original: {performance.speedup:.2f}x"
    return None if performance.sounds_good else f"sound: {performance.grade or 'not graded'}"


def _unusable(candidate: Candidate, hardware: HardwareInfo) -> str | None:
    """Return why a candidate cannot be used, not even if it is pinned."""
    if candidate.problem:
        return candidate.problem
    return core_ml_missing(hardware, candidate.oldest_macos) if candidate.recipe == _COREML else None


def _reason(picked: Candidate, policy: Policy) -> str:
    if picked.is_original:
        if policy == "measured":
            return "no variant with an acceptable sound is faster on this machine"
        return "no variant that ranks higher can be used"
    if policy == "measured":
        return f"the fastest with an acceptable sound: {_describe(picked)}"
    return f"the first usable one in the policy's order: {_describe(picked)}"


def _decision(candidate: Candidate, picked: Candidate, reason: str, rejection: str | None) -> Decision:
    if candidate is picked:
        return Decision(candidate.name, CandidateStatus.SELECTED, reason)
    if rejection:
        return Decision(candidate.name, CandidateStatus.REJECTED, rejection, names_caveat=candidate.caveat is not None)
    return Decision(candidate.name, CandidateStatus.ELIGIBLE, f"ranks lower: {_describe(candidate)}")


def _describe(candidate: Candidate) -> str:
    """Describe how fast a candidate is and how it sounds."""
    if candidate.is_original:
        return "the baseline of all speed-ups"
    performance = candidate.performance
    if performance is None:
        return "not measured on this machine at all cores"
    facts = [f"{performance.speedup:.2f}x as fast as the original"]
    if speed_verdict(performance.interval) == "no difference":
        facts.append("no difference")
    if performance.noisy:
        facts.append("noisy run")
    return ", ".join([*facts, f"sound {performance.grade or 'not graded'}"])


def _warnings(
    voice: str, picked: Candidate, others: Sequence[Candidate], compare: Compare
) -> Iterator[SelectionWarning]:
    """Yield what speaks against the selected candidate."""
    name = picked.name
    if picked.performance is None and not picked.is_original:
        text = f"{name} has not been measured on this machine at all cores: ttsdash benchmark {shlex.quote(voice)}"
        yield SelectionWarning(WarningKind.UNMEASURED, name, text)
        return
    performance = _performance_of(picked)
    if picked.caveat:
        yield SelectionWarning(WarningKind.UNVERIFIED, name, f"{name}: {picked.caveat}")
    if speed_verdict(performance.interval) == "slower":
        text = f"{name} is SLOWER than the original on this machine: {performance.speedup:.2f}x"
        yield SelectionWarning(WarningKind.SLOWER, name, text)
    if performance.grade is None:
        yield SelectionWarning(WarningKind.UNGRADED, name, f"the sound of {name} has not been graded")
    elif not performance.sounds_good:
        how = "broken" if performance.grade == "broken" else "noticeably worse than the original"
        yield SelectionWarning(WarningKind.DEGRADED, name, f"{name} sounds {how}")
    for other in others:
        if other.is_original or other.performance:
            yield from _better_alternative(picked, other, compare)


def _better_alternative(picked: Candidate, other: Candidate, compare: Compare) -> Iterator[SelectionWarning]:
    """Yield a warning if another candidate is faster than the selected one, or sounds better and is no slower."""
    ours, theirs = _performance_of(picked), _performance_of(other)
    if not (theirs.sounds_good or theirs.sounds_no_worse_than(ours)):
        return
    if other.is_original and not theirs.sounds_better_than(ours):
        return
    speed, figures = _relative_speed(picked, other, compare)
    if speed == "faster" and not other.is_original:
        yield SelectionWarning(WarningKind.FASTER_EXISTS, other.name, f"{other.name} is faster: {figures}")
    elif speed != "slower" and theirs.sounds_better_than(ours):
        text = f"{other.name} sounds better ({theirs.grade}) and is no slower than {picked.name}: {figures}"
        yield SelectionWarning(WarningKind.BETTER_EXISTS, other.name, text)


def _relative_speed(picked: Candidate, other: Candidate, compare: Compare) -> tuple[SpeedVerdict, str]:
    """Return how fast another candidate is relative to the selected one, and the figures that show it.

    The result of a variant is its speed relative to the original, pair by pair: nothing is left to compare there.
    """
    ours, theirs = _performance_of(picked), _performance_of(other)
    figures = f"{theirs.speedup:.2f}x, {picked.name} {ours.speedup:.2f}x"
    if picked.is_original:
        return speed_verdict(theirs.interval), figures
    if other.is_original:
        return _OPPOSITE[speed_verdict(ours.interval)], figures
    found = compare(picked, other)
    if isinstance(found, PairedSpeed):
        low, high = found.interval
        figures = f"{found.ratio:.2f}x as fast in the same pairs (95 % interval {low:.2f}–{high:.2f})"
        return speed_verdict(found.interval), figures
    figures = f"{figures} ({found})"
    if theirs.is_faster_than(ours):
        return "faster", figures
    return "slower" if ours.is_faster_than(theirs) else "no difference", figures


def _performance_of(candidate: Candidate) -> Performance:
    """Return the performance of a measured candidate; the original is the baseline."""
    if candidate.is_original:
        return _BASELINE
    if candidate.performance is None:
        raise ValueError(f"{candidate.name} has not been measured")
    return candidate.performance
