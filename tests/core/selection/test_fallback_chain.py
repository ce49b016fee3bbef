"""`core.selection.fallback_chain`: the steps of the chain and their candidates."""

from core.engines.names import BY_PROVIDER
from core.records.selections import CandidateStatus, Decision, Selection
from core.selection.fallback_chain import fallback_chain

RECIPES = {"coreml": "coreml", "static-int8": "static", "dynamic-int8-guide": "guide", "optimized": "optimized"}


def steps(**statuses: CandidateStatus) -> dict[str, list[str]]:
    """Return the candidates by step, with the first one after a colon."""
    decisions = tuple(Decision(name.replace("_", "-"), status, "a reason") for name, status in statuses.items())
    selected = next(decision.variant for decision in decisions if decision.status == "selected")
    made = fallback_chain(
        Selection("amy", "priority", None, selected, "a reason", decisions), {**RECIPES, "original": None}
    )
    return {
        f"{link.name}: {link.first.variant}" if link.first else link.name: [entry.variant for entry in link.candidates]
        for link in made
    }


def test_the_chain_is_core_ml_quantized_original_whatever_variants_exist() -> None:
    assert steps(original="selected") == {"Core ML": [], "quantized": [], "original: original": ["original"]}


def test_optimized_is_a_step_once_it_exists_and_the_guides_variant_is_quantized() -> None:
    found = steps(coreml="rejected", optimized="selected", dynamic_int8_guide="rejected", original="eligible")
    assert list(found) == [
        "Core ML: coreml",
        "quantized: dynamic-int8-guide",
        "optimized: optimized",
        "original: original",
    ]


def test_the_first_candidate_of_a_step_is_the_selected_one_else_the_next_eligible_one() -> None:
    found = steps(dynamic_int8_guide="rejected", static_int8="eligible", original="selected")
    assert found["quantized: static-int8"] == ["dynamic-int8-guide", "static-int8"]
    found = steps(static_int8="eligible", dynamic_int8_guide="selected", original="eligible")
    assert "quantized: dynamic-int8-guide" in found


def test_the_original_run_by_another_provider_belongs_to_the_original() -> None:
    decisions = (
        Decision("original", CandidateStatus.ELIGIBLE, "a reason"),
        Decision(BY_PROVIDER, CandidateStatus.SELECTED, "a reason"),
    )
    selection = Selection("amy", "measured", None, BY_PROVIDER, "a reason", decisions)
    original = fallback_chain(selection, {"original": None})[-1]
    assert original.first == decisions[1]
    assert original.candidates == decisions
