"""`core.selection.fallback_chain`: the links that the usual guide draws."""

from core.engines.names import BY_PROVIDER
from core.records.selections import Decision, Selection, Verdict
from core.selection.fallback_chain import fallback_chain

RECIPES = {"coreml": "coreml", "static-int8": "static", "dynamic-int8-guide": "guide", "optimized": "optimized"}


def links(**verdicts: Verdict) -> dict[str, list[str]]:
    """By link its candidates, and behind a colon the one that it is shown by."""
    judged = tuple(Decision(name.replace("_", "-"), verdict, "a reason") for name, verdict in verdicts.items())
    selected = next(entry.variant for entry in judged if entry.verdict == "selected")
    made = fallback_chain(
        Selection("amy", "priority", None, selected, "a reason", judged), {**RECIPES, "original": None}
    )
    return {
        f"{link.name}: {link.first.variant}" if link.first else link.name: [entry.variant for entry in link.candidates]
        for link in made
    }


def test_it_is_core_ml_quantized_original_whatever_was_made() -> None:
    assert links(original="selected") == {"Core ML": [], "quantized": [], "original: original": ["original"]}


def test_optimized_is_a_link_once_it_was_made_and_what_the_guide_makes_is_quantized() -> None:
    found = links(coreml="rejected", optimized="selected", dynamic_int8_guide="rejected", original="eligible")
    assert list(found) == [
        "Core ML: coreml",
        "quantized: dynamic-int8-guide",
        "optimized: optimized",
        "original: original",
    ]


def test_a_link_is_shown_by_what_is_taken_else_by_what_comes_next() -> None:
    found = links(dynamic_int8_guide="rejected", static_int8="eligible", original="selected")
    assert found["quantized: static-int8"] == ["dynamic-int8-guide", "static-int8"]
    found = links(static_int8="eligible", dynamic_int8_guide="selected", original="eligible")
    assert "quantized: dynamic-int8-guide" in found


def test_another_way_to_run_the_original_stands_with_it() -> None:
    judged = (Decision("original", Verdict.ELIGIBLE, "a reason"), Decision(BY_PROVIDER, Verdict.SELECTED, "a reason"))
    selection = Selection("amy", "measured", None, BY_PROVIDER, "a reason", judged)
    original = fallback_chain(selection, {"original": None})[-1]
    assert original.first == judged[1]
    assert original.candidates == judged
