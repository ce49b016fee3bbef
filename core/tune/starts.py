"""The choices that a search begins with: what the recipes do."""

from collections.abc import Mapping, Sequence

from core.tune.choice import Choice, Part, PartKind, Scheme

# Stages that the recipes compute in int8 by default.
_STAGES = 2
_FP16_AROUND = {PartKind.TEXT: Scheme.FP16, PartKind.DURATIONS: Scheme.FP16, PartKind.STORED: Scheme.FP16}
_RECIPES: Mapping[str, Mapping[PartKind, Scheme]] = {
    "dynamic-int8": {**_FP16_AROUND, PartKind.FLOW: Scheme.DYNAMIC, PartKind.STAGE: Scheme.DYNAMIC},
    "static-int8": {**_FP16_AROUND, PartKind.FLOW: Scheme.STATIC, PartKind.STAGE: Scheme.STATIC},
    "int4": {
        PartKind.TEXT: Scheme.INT8,
        PartKind.DURATIONS: Scheme.FP16,
        PartKind.FLOW: Scheme.INT4_32,
        PartKind.STAGE: Scheme.DYNAMIC,
        PartKind.STORED: Scheme.INT8,
    },
}


def starting_choices(parts: Sequence[Part]) -> dict[str, Choice]:
    """Return the choice of each recipe for these parts, by the name of its variant."""
    in_fp32 = [part.name for part in parts if part.kind is PartKind.STAGE][_STAGES:]
    return {
        variant: Choice.of(
            parts,
            {part.name: Scheme.FP32 if part.name in in_fp32 else schemes[part.kind] for part in parts},
        )
        for variant, schemes in _RECIPES.items()
    }
