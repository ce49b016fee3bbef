"""A voice with variants of every recipe, and selections of them."""

from core.records.selection_warnings import SelectionWarning
from core.records.selections import CandidateStatus, Decision, Selection
from core.records.voices import Variant, Voice
from tests.factories import make_variant, make_voice

RECIPES = {
    "original": None,
    "static-int8": "static",
    "dynamic-int8": "dynamic",
    "int4": "int4",
    "optimized": "optimized",
    "dynamic-int8-guide": "guide",
    "coreml": "coreml",
    "coreml+weights=int8": "coreml",
}


def variant_of(name: str) -> Variant:
    recipe = RECIPES[name]
    path = f"/v/{name}" if recipe == "coreml" else f"/v/{name}.onnx"
    params = {"run_on": "a Mac"} if recipe == "coreml" else {}
    return make_variant(
        name,
        voice="amy",
        path=path,
        sha256="a" * 64,
        recipe=recipe,
        params=params,
        created_at="2024-01-02T09:00:00.000Z",
    )


def voice_of(*variants: Variant) -> Voice:
    original = variant_of("original")
    return make_voice(key="amy", path=original.path, variants=(original, *variants))


def select(*candidates: str, warnings: tuple[SelectionWarning, ...] = ()) -> Selection:
    """Make a selection of candidates in the policy's order; `+` marks the selected one, `-` the rejected ones."""
    statuses = {"+": CandidateStatus.SELECTED, "-": CandidateStatus.REJECTED}
    decisions = tuple(
        Decision(name.strip("+-"), statuses.get(name[0], CandidateStatus.ELIGIBLE), "a reason") for name in candidates
    )
    selected = next(decision.variant for decision in decisions if decision.status is CandidateStatus.SELECTED)
    return Selection("amy", "priority", None, selected, "a reason", decisions, warnings)
