"""Decide which variant of a voice to use on a machine. Pure: facts in, a selection with reasons and warnings out."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from core.engines.names import BY_PROVIDER
from core.hardware.capabilities import core_ml_missing
from core.hardware.detection import HardwareInfo
from core.records.selection_warnings import SelectionWarning, WarningKind
from core.records.selections import CandidateStatus, Decision, Policy, Selection
from core.records.verdict import LOW, SpeedVerdict, speed_verdict
from core.selection.pairs import PairedSpeed, Unpaired
from core.selection.performance import Performance

_COREML, _GUIDE = "coreml", "guide"
# The guide's order: Core ML, then quantized, then what only rewrites the graph, then the original.
_ORDER = (_COREML, "distill", "static", "dynamic", "prune", "int4", "tune", "optimized", None)
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
    benchmark_job: int | None = None
    """The open job that will measure it."""
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
    usable = [candidate for candidate in ranked if rejections[candidate.name] is None]
    while picked is None and usable:
        candidate, tied = _first(usable, policy, compare)
        usable.remove(candidate)
        rejections[candidate.name] = load_error(candidate)
        if rejections[candidate.name] is None:
            picked, reason = candidate, _reason(candidate, policy, tied, ranked)
    if picked is None:
        picked = next(candidate for candidate in ranked if candidate.is_original)
        reason = "no candidate can be used; the original is the last resort"
        text = f"the original cannot be used either: {rejections[picked.name]}"
        warnings.append(SelectionWarning(WarningKind.UNUSABLE_ORIGINAL, picked.name, text))
    others = [candidate for candidate in ranked if candidate is not picked and rejections[candidate.name] is None]
    decisions = tuple(_decision(candidate, picked, reason, rejections[candidate.name]) for candidate in ranked)
    warnings += _warnings(voice, picked, others, compare)
    return Selection(voice, policy, pinned, picked.name, reason, decisions, tuple(warnings))


def _rank(candidate: Candidate, policy: Policy) -> tuple[object, ...]:
    """Return the sort key: the faster one first with the policy `measured`, then the guide's order."""
    in_order = _guide_order(candidate)
    return (-_speedup(candidate), *in_order) if policy == "measured" else in_order


def _guide_order(candidate: Candidate) -> tuple[int, bool, float, str]:
    """Return the sort key: by recipe, then default parameters before others, then the faster one."""
    order = _ORDER.index(candidate.recipe) if candidate.recipe in _ORDER else len(_ORDER)
    if candidate.name == BY_PROVIDER:
        order = len(_ORDER)
    return order, "+" in candidate.name, -_speedup(candidate), candidate.name


def _speedup(candidate: Candidate) -> float:
    if candidate.is_original:
        return _BASELINE.speedup
    return candidate.performance.speedup if candidate.performance else 0.0


def _first(usable: Sequence[Candidate], policy: Policy, compare: Compare) -> tuple[Candidate, Candidate | None]:
    """Return the candidate to select, and the one that it ties with if that has the higher speed-up.

    With the policy `measured`, the guide's order decides between candidates whose speeds do not differ from the fastest.
    """
    fastest = usable[0]
    if policy != "measured" or fastest.is_original:
        return fastest, None
    tied = [fastest, *(other for other in usable[1:] if _ties(fastest, other, compare))]
    first = min(tied, key=_guide_order)
    return first, None if first is fastest else fastest


def _ties(fastest: Candidate, other: Candidate, compare: Compare) -> bool:
    speed = _relative_speed(fastest, other, compare)
    return speed.verdict == "no difference" and speed.ratio >= LOW


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
    if performance is None and candidate.benchmark_job is not None:
        return f"not measured on this machine yet: job {candidate.benchmark_job} will"
    return "only the policy measured can select it" if candidate.name == BY_PROVIDER else None


def _rejection_by_performance(performance: Performance | None) -> str | None:
    if performance is None:
        return "not measured on this machine at all cores"
    if speed_verdict(performance.interval) == "slower":
        return ", ".join([f"slower than the original: {performance.speedup:.2f}x", *_limits(performance)])
    return None if performance.sounds_good else f"sound: {performance.grade or 'not graded'}"


def _unusable(candidate: Candidate, hardware: HardwareInfo) -> str | None:
    """Return why a candidate cannot be used, not even if it is pinned."""
    if candidate.problem:
        return candidate.problem
    return core_ml_missing(hardware, candidate.oldest_macos) if candidate.recipe == _COREML else None


def _reason(picked: Candidate, policy: Policy, tied: Candidate | None, ranked: Sequence[Candidate]) -> str:
    """Return why a candidate was selected; `tied` is the faster one that it ties with."""
    if policy == "priority":
        if picked.is_original:
            return "no variant that ranks higher can be used"
        return f"the first usable one in the policy's order: {_describe(picked)}"
    if tied:
        return f"as fast as {tied.name} within 3 % and earlier in the guide's order: {_describe(picked)}"
    if not picked.is_original:
        return f"the fastest with an acceptable sound: {_describe(picked)}"
    if not any(candidate.performance for candidate in ranked if not candidate.is_original):
        return "no variant has been measured on this machine at all cores"
    return "no variant with an acceptable sound is faster on this machine"


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
    if performance.texts:
        facts.append(f"texts {performance.texts}")
    return ", ".join([*facts, *_limits(performance), f"sound {performance.grade or 'not graded'}"])


def _limits(performance: Performance) -> list[str]:
    return [f"limits: {' and '.join(performance.limits)}"] if performance.limits else []


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
    speed = _relative_speed(picked, other, compare)
    if speed.verdict == "faster" and not other.is_original:
        yield SelectionWarning(WarningKind.FASTER_EXISTS, other.name, f"{other.name} is faster: {speed.figures}")
    elif speed.verdict != "slower" and theirs.sounds_better_than(ours):
        text = f"{other.name} sounds better ({theirs.grade}) and is no slower than {picked.name}: {speed.figures}"
        yield SelectionWarning(WarningKind.BETTER_EXISTS, other.name, text)


@dataclass(frozen=True)
class _RelativeSpeed:
    """How fast one candidate is relative to another, with the figures that show it."""

    verdict: SpeedVerdict
    ratio: float
    figures: str


def _relative_speed(picked: Candidate, other: Candidate, compare: Compare) -> _RelativeSpeed:
    """Return how fast another candidate is relative to the selected one.

    The result of a variant is its speed relative to the original, pair by pair: nothing is left to compare there.
    """
    ours, theirs = _performance_of(picked), _performance_of(other)
    ratio = theirs.speedup / ours.speedup
    figures = f"{theirs.speedup:.2f}x, {picked.name} {ours.speedup:.2f}x"
    if picked.is_original:
        return _RelativeSpeed(speed_verdict(theirs.interval), ratio, figures)
    if other.is_original:
        return _RelativeSpeed(_OPPOSITE[speed_verdict(ours.interval)], ratio, figures)
    found = compare(picked, other)
    if isinstance(found, PairedSpeed):
        low, high = found.interval
        figures = f"{found.ratio:.2f}x as fast in the same pairs (95 % interval {low:.2f}–{high:.2f})"
        return _RelativeSpeed(speed_verdict(found.interval), found.ratio, figures)
    verdict: SpeedVerdict = "faster" if theirs.is_faster_than(ours) else "no difference"
    if ours.is_faster_than(theirs):
        verdict = "slower"
    return _RelativeSpeed(verdict, ratio, f"{figures} ({found})")


def _performance_of(candidate: Candidate) -> Performance:
    """Return the performance of a measured candidate; the original is the baseline."""
    if candidate.is_original:
        return _BASELINE
    if candidate.performance is None:
        raise ValueError(f"{candidate.name} has not been measured")
    return candidate.performance
