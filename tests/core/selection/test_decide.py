"""`core.selection.decide`: which variant is selected on which machine under which policy."""

from dataclasses import replace

import pytest

from core.records.selections import Policy, Selection
from core.selection.decide import Candidate, decide
from core.selection.pairs import PairedSpeed, Unpaired
from core.selection.performance import Performance
from tests.core.machines import MACHINES, SERVER

NOT_RUN = "converted, not yet run on a Mac"


def measured(speedup: float, grade: str | None = "slight", spread: float = 0.05) -> Performance:
    return Performance(speedup, (speedup - spread, speedup + spread), grade)


ORIGINAL = Candidate("original", None, performance=measured(1.0, "transparent", 0.0))
OPTIMIZED = Candidate("optimized", "optimized", performance=measured(1.2, "transparent"))
DYNAMIC = Candidate("dynamic-int8", "dynamic", performance=measured(1.9))
STATIC = Candidate("static-int8", "static", performance=measured(1.7))
INT4 = Candidate("int4", "int4", performance=measured(1.4))
GUIDE = Candidate("dynamic-int8-guide", "guide", performance=measured(3.0, "transparent"))
COREML = Candidate("coreml", "coreml", oldest_macos=14, performance=measured(3.5, "transparent"))
CONVERTED = replace(COREML, caveat=NOT_RUN, performance=None)
ALL = (ORIGINAL, COREML, GUIDE, DYNAMIC, INT4, STATIC, OPTIMIZED)


def chosen(machine: str, *candidates: Candidate, policy: Policy = "priority", pinned: str | None = None) -> Selection:
    return decide("amy", candidates, MACHINES[machine], policy, pinned)


def why(selection: Selection, variant: str) -> str:
    (decision,) = (decision for decision in selection.candidates if decision.variant == variant)
    return f"{decision.status}: {decision.reason}"


def warnings(selection: Selection) -> dict[str, str]:
    """Return the texts of the warnings, by kind and variant."""
    return {f"{warning.kind}: {warning.variant}": warning.text for warning in selection.warnings}


def test_what_limited_the_worker_is_part_of_the_reason() -> None:
    performance = replace(measured(1.9), limits=("1 of 2 cores", "nice 15"))
    found = chosen("server", ORIGINAL, replace(DYNAMIC, performance=performance), policy="measured")
    assert why(found, "dynamic-int8").endswith("original, limits: 1 of 2 cores and nice 15, sound slight")
    slow = replace(performance, speedup=0.5, interval=(0.4, 0.6))
    found = chosen("server", ORIGINAL, replace(DYNAMIC, performance=slow), policy="measured")
    assert why(found, "dynamic-int8") == "rejected: slower than the original: 0.50x, limits: 1 of 2 cores and nice 15"


def test_a_reason_names_the_texts_that_are_not_those_of_the_voices_language() -> None:
    generated = replace(STATIC, performance=replace(measured(1.7), texts="generated v1"))
    selection = chosen("server", ORIGINAL, generated, INT4, policy="measured")
    assert "1.70x as fast as the original, texts generated v1, sound slight" in why(selection, "static-int8")
    assert "texts" not in why(selection, "int4")


@pytest.mark.parametrize(
    ("machine", "by_priority", "by_measure", "core_ml_reason"),
    [
        # Core ML on Apple silicon if it is available and loads; then quantized; then the original.
        ("M4 on macOS 15", "coreml", "coreml", "selected"),
        ("M1 on macOS 13", "static-int8", "dynamic-int8", "macOS 13.6.1: this package needs 14"),
        ("Rosetta", "static-int8", "dynamic-int8", "this Python runs under Rosetta"),
        ("Intel Mac", "static-int8", "dynamic-int8", "this Mac has an Intel processor"),
        ("server", "static-int8", "dynamic-int8", "needs macOS on Apple silicon"),
        ("container", "static-int8", "dynamic-int8", "needs macOS on Apple silicon"),
        ("Raspberry Pi 5", "static-int8", "dynamic-int8", "needs macOS on Apple silicon"),
    ],
)
def test_the_selection_on_each_machine(machine: str, by_priority: str, by_measure: str, core_ml_reason: str) -> None:
    assert chosen(machine, *ALL).selected == by_priority
    assert chosen(machine, *ALL, policy="measured").selected == by_measure
    assert core_ml_reason in why(chosen(machine, *ALL), "coreml")


def test_a_package_for_macos_13_is_selected_on_macos_13() -> None:
    assert chosen("M1 on macOS 13", *ALL, replace(COREML, name="coreml+target=macos13", oldest_macos=13)).selected == (
        "coreml+target=macos13"
    )


@pytest.mark.parametrize(
    ("candidates", "selected"),
    [
        ((ORIGINAL,), "original"),
        ((ORIGINAL, OPTIMIZED), "optimized"),
        ((ORIGINAL, OPTIMIZED, INT4), "int4"),
        ((ORIGINAL, OPTIMIZED, INT4, DYNAMIC), "dynamic-int8"),
        ((ORIGINAL, OPTIMIZED, INT4, DYNAMIC, STATIC), "static-int8"),
        ((ORIGINAL, GUIDE), "original"),
        # The default parameters come before others, however fast those are.
        ((ORIGINAL, STATIC, replace(STATIC, name="static-int8+clip=max", performance=measured(2.5))), "static-int8"),
        ((ORIGINAL, replace(STATIC, name="static-int8+clip=max")), "static-int8+clip=max"),
        # A variant that has not been measured can be selected, with a warning.
        ((ORIGINAL, replace(STATIC, performance=None)), "static-int8"),
    ],
)
def test_the_order_of_the_guide(candidates: tuple[Candidate, ...], selected: str) -> None:
    assert chosen("server", *candidates).selected == selected


@pytest.mark.parametrize(
    ("candidates", "selected"),
    [
        ((ORIGINAL,), "original"),
        ((ORIGINAL, OPTIMIZED, STATIC, DYNAMIC), "dynamic-int8"),
        ((ORIGINAL, OPTIMIZED, replace(DYNAMIC, performance=measured(1.9, "noticeable"))), "optimized"),
        ((ORIGINAL, OPTIMIZED, replace(DYNAMIC, performance=None)), "optimized"),
        ((ORIGINAL, replace(DYNAMIC, performance=measured(0.3))), "original"),
        # The original run by another provider is the same file, but can be the fastest.
        (
            (ORIGINAL, OPTIMIZED, Candidate("original@coreml", None, performance=measured(2.0, "slight"))),
            "original@coreml",
        ),
    ],
)
def test_the_fastest_variant_with_an_acceptable_sound(candidates: tuple[Candidate, ...], selected: str) -> None:
    assert chosen("server", *candidates, policy="measured").selected == selected


@pytest.mark.parametrize(
    ("static", "paired", "selected"),
    [
        # Within 3 %, and the interval of the pairs includes 1: the guide's order decides.
        (1.88, PairedSpeed(0.98, (0.96, 1.01)), "static-int8"),
        # A difference that the pairs show, however small.
        (1.80, PairedSpeed(0.95, (0.94, 0.965)), "dynamic-int8"),
        # Not significant in noise, but not close.
        (1.40, PairedSpeed(0.74, (0.50, 1.05)), "dynamic-int8"),
        # Different runs: close, and the intervals overlap.
        (1.87, Unpaired.DIFFERENT_RUNS, "static-int8"),
    ],
)
def test_the_guides_order_decides_between_variants_that_are_equally_fast(
    static: float, paired: PairedSpeed | Unpaired, selected: str
) -> None:
    candidates = (ORIGINAL, replace(STATIC, performance=measured(static)), DYNAMIC)
    selection = decide("amy", candidates, MACHINES["server"], "measured", compare=lambda _picked, _other: paired)
    assert selection.selected == selected
    if selected == "static-int8":
        assert selection.reason.startswith("as fast as dynamic-int8 within 3 % and earlier in the guide's order: 1.8")
        assert why(selection, "dynamic-int8") == "eligible: ranks lower: 1.90x as fast as the original, sound slight"


def test_a_variant_that_is_only_as_fast_as_the_original_is_selected_if_it_is_not_slower_by_any_figure() -> None:
    for speedup, selected in ((1.01, "optimized"), (0.99, "original")):
        candidates = (ORIGINAL, replace(OPTIMIZED, performance=measured(speedup, "transparent")))
        assert chosen("server", *candidates, policy="measured").selected == selected


def test_a_tied_variant_that_does_not_load_is_passed_over() -> None:
    candidates = (ORIGINAL, replace(STATIC, performance=measured(1.88)), DYNAMIC)
    errors = {"static-int8": "does not load: no reason"}
    selection = decide("amy", candidates, MACHINES["server"], "measured", load_error=lambda one: errors.get(one.name))
    assert selection.selected == "dynamic-int8"
    assert why(selection, "static-int8") == "rejected: does not load: no reason"


def test_nothing_is_selected_before_its_queued_benchmark_has_run() -> None:
    waiting = replace(STATIC, performance=None, benchmark_job=7)
    for policy, reason in (
        ("priority", "rejected: not measured on this machine yet: job 7 will"),
        ("measured", "rejected: not measured on this machine at all cores"),
    ):
        selection = chosen("server", ORIGINAL, waiting, policy=policy)
        assert (selection.selected, why(selection, "static-int8")) == ("original", reason)
    # A result that exists is used until the next one is there.
    assert chosen("server", ORIGINAL, replace(STATIC, benchmark_job=7)).selected == "static-int8"


def test_the_original_stays_selected_until_something_has_been_measured() -> None:
    selection = chosen("server", ORIGINAL, replace(STATIC, performance=None), policy="measured")
    assert selection.reason == "no variant has been measured on this machine at all cores"
    selection = chosen("server", ORIGINAL, replace(STATIC, performance=measured(0.9)), policy="measured")
    assert selection.reason == "no variant with an acceptable sound is faster on this machine"


@pytest.mark.parametrize(
    ("candidate", "policy", "reason"),
    [
        (replace(STATIC, problem="missing: /x"), "priority", "missing: /x"),
        (replace(STATIC, problem="checksum differs: /x"), "measured", "checksum differs: /x"),
        (replace(STATIC, performance=measured(1.7, "broken")), "priority", "sound: broken"),
        (replace(STATIC, performance=measured(1.7, "noticeable")), "measured", "sound: noticeable"),
        (replace(STATIC, performance=measured(0.28)), "measured", "slower than the original: 0.28x"),
        (replace(STATIC, performance=None), "measured", "not measured on this machine at all cores"),
        (GUIDE, "priority", "made by the guide's recipe, for comparison only"),
        (GUIDE, "measured", "made by the guide's recipe, for comparison only"),
        (CONVERTED, "priority", f"needs macOS on Apple silicon; {NOT_RUN}"),
    ],
)
def test_each_rejection_has_a_reason(candidate: Candidate, policy: Policy, reason: str) -> None:
    selection = chosen("server", ORIGINAL, candidate, policy=policy)
    assert selection.selected == "original"
    (decision,) = (decision for decision in selection.candidates if decision.variant == candidate.name)
    assert decision.names_caveat == (NOT_RUN in reason)
    assert why(selection, candidate.name) == f"rejected: {reason}"


def test_an_unverified_package_is_rejected_on_a_mac_too() -> None:
    selection = chosen("M4 on macOS 15", ORIGINAL, CONVERTED)
    assert why(selection, "coreml") == f"rejected: not verified: {NOT_RUN}"


def test_a_variant_that_does_not_load_falls_through_to_the_next() -> None:
    tried: list[str] = []

    def why_not(candidate: Candidate) -> str | None:
        tried.append(candidate.name)
        return "does not load: broken" if candidate.name == "static-int8" else None

    selection = decide("amy", ALL, SERVER, "priority", load_error=why_not)
    assert selection.selected == "dynamic-int8"
    assert why(selection, "static-int8") == "rejected: does not load: broken"
    # Nothing that ranks lower is loaded.
    assert tried == ["static-int8", "dynamic-int8"]


def test_if_nothing_can_be_used_the_original_is_selected_with_a_warning() -> None:
    selection = chosen("server", replace(ORIGINAL, problem="missing: /x"), replace(STATIC, problem="missing: /y"))
    assert selection.selected == "original"
    assert warnings(selection)["unusable-original: original"] == "the original cannot be used either: missing: /x"


@pytest.mark.parametrize(
    ("candidates", "warning", "text"),
    [
        (
            (ORIGINAL, replace(STATIC, performance=measured(0.28))),
            "slower: static-int8",
            "static-int8 is SLOWER than the original",
        ),
        (
            (ORIGINAL, STATIC, DYNAMIC),
            "faster-exists: dynamic-int8",
            "dynamic-int8 is faster: 1.90x, static-int8 1.70x (measured in different runs)",
        ),
        (
            (ORIGINAL, replace(STATIC, performance=measured(1.2)), OPTIMIZED),
            "better-exists: optimized",
            "optimized sounds better (transparent) and is no slower than static-int8: "
            "1.20x, static-int8 1.20x (measured in different runs)",
        ),
        (
            (ORIGINAL, replace(STATIC, performance=None)),
            "unmeasured: static-int8",
            "static-int8 has not been measured on this machine",
        ),
        (
            (ORIGINAL, replace(STATIC, performance=measured(1.7, "noticeable"))),
            "degraded: static-int8",
            "static-int8 sounds noticeably worse than the original",
        ),
        (
            (ORIGINAL, replace(STATIC, performance=measured(1.7, None))),
            "ungraded: static-int8",
            "the sound of static-int8 has not been graded",
        ),
    ],
)
def test_the_selected_variant_gets_warnings(candidates: tuple[Candidate, ...], warning: str, text: str) -> None:
    assert warnings(chosen("server", *candidates))[warning].startswith(text)


def test_an_unverified_variant_that_is_pinned_gets_a_warning() -> None:
    converted = replace(CONVERTED, performance=measured(3.5, "transparent"))
    selection = chosen("M4 on macOS 15", ORIGINAL, converted, pinned="coreml")
    assert warnings(selection) == {"unverified: coreml": f"coreml: {NOT_RUN}"}


# The results of one run whose intervals overlap because the time of the original varied.
WIDE_STATIC = replace(STATIC, performance=Performance(1.70, (1.33, 1.77), "slight"))
WIDE_OPTIMIZED = replace(OPTIMIZED, performance=Performance(1.21, (1.06, 1.37), "transparent"))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        # In their pairs the variant that sounds better is clearly slower.
        (PairedSpeed(0.71, (0.68, 0.74)), {}),
        (
            PairedSpeed(0.99, (0.96, 1.02)),
            {
                "better-exists: optimized": "optimized sounds better (transparent) and is no slower than static-int8: "
                "0.99x as fast in the same pairs (95 % interval 0.96–1.02)"
            },
        ),
        (
            PairedSpeed(1.10, (1.05, 1.15)),
            {
                "faster-exists: optimized": "optimized is faster: "
                "1.10x as fast in the same pairs (95 % interval 1.05–1.15)"
            },
        ),
        (
            Unpaired.PRUNED,
            {
                "better-exists: optimized": "optimized sounds better (transparent) and is no slower than static-int8: "
                "1.21x, static-int8 1.70x (the raw samples of their run were pruned)"
            },
        ),
    ],
)
def test_variants_of_one_run_are_compared_by_their_own_pairs(
    found: PairedSpeed | Unpaired, expected: dict[str, str]
) -> None:
    asked: list[tuple[str, str]] = []

    def compare(picked: Candidate, other: Candidate) -> PairedSpeed | Unpaired:
        asked.append((picked.name, other.name))
        return found

    candidates = (ORIGINAL, WIDE_STATIC, WIDE_OPTIMIZED, replace(INT4, performance=measured(2.5, "noticeable")))
    selection = decide("amy", candidates, SERVER, "priority", compare=compare)
    assert selection.selected == "static-int8"
    assert warnings(selection) == expected
    # Not with the original, the baseline of all figures, nor with a variant that sounds too bad.
    assert asked == [("static-int8", "optimized")]


@pytest.mark.parametrize(
    "candidates",
    [
        (ORIGINAL,),
        (ORIGINAL, DYNAMIC),
        # The intervals overlap: neither is faster.
        (ORIGINAL, STATIC, replace(DYNAMIC, performance=measured(1.75))),
        # Faster, but it sounds worse than slight.
        (ORIGINAL, STATIC, replace(INT4, performance=measured(2.5, "noticeable"))),
    ],
)
def test_a_good_selection_has_no_warnings(candidates: tuple[Candidate, ...]) -> None:
    assert chosen("server", *candidates).warnings == ()


def test_a_pin_overrides_the_policy() -> None:
    broken = replace(INT4, performance=measured(1.4, "broken"))
    selection = chosen("server", ORIGINAL, STATIC, broken, policy="measured", pinned="int4")
    assert (selection.selected, selection.reason) == ("int4", "pinned")
    assert warnings(selection)["degraded: int4"] == "int4 sounds broken"


@pytest.mark.parametrize(
    ("candidates", "reason"),
    [
        ((ORIGINAL, STATIC), "it no longer exists"),
        ((ORIGINAL, STATIC, replace(INT4, problem="missing: /x")), "missing: /x"),
    ],
)
def test_the_policy_decides_if_the_pinned_variant_cannot_be_used(
    candidates: tuple[Candidate, ...], reason: str
) -> None:
    selection = chosen("server", *candidates, pinned="int4")
    assert selection.selected == "static-int8"
    assert warnings(selection)["unusable-pin: int4"] == f"int4 is pinned but cannot be used: {reason}"


def test_each_candidate_has_one_status_in_the_policys_order() -> None:
    selection = chosen("server", *ALL)
    order = ["coreml", "static-int8", "dynamic-int8", "int4", "optimized", "original", "dynamic-int8-guide"]
    assert [decision.variant for decision in selection.candidates] == order
    assert [decision.status for decision in selection.candidates].count("selected") == 1
