"""Variants that are made from another variant of the voice instead of its original."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from core.errors import InvalidInput
from core.records.voices import ORIGINAL, Variant, Voice
from core.variants.checksums import integrity_error
from core.variants.recipes import FROM, RECIPES, Value

FROM_SHA256 = "from_sha256"
"""The checksum of the converted variant, in the lineage of what was made from it."""
_DISTILL = RECIPES["distill"]


def converted_from(params: Mapping[str, Value]) -> str | None:
    """Return the name of the variant that one with these parameters is made from; None for the original."""
    name = params.get(FROM, ORIGINAL)
    return None if name == ORIGINAL else str(name)


def require_convertible(voice: Voice, name: str) -> Variant:
    """Return the variant of that name. Raises NotFound, and InvalidInput for one that cannot be converted."""
    variant = voice.variant(name)
    if variant.recipe != _DISTILL.name:
        raise InvalidInput(
            f"{name} of {voice.key} has no student: convert the original, or a {_DISTILL.variant} variant"
        )
    if variant.outdated:
        raise InvalidInput(f"{name} of {voice.key} is {variant.outdated.reason}: {_again(voice)}")
    return variant


def is_of_same_file(variant: Variant, voice: Voice) -> bool:
    """Return whether what a variant was made from is still what it was; true for one that was made from the original."""
    name = converted_from(variant.params)
    converted = next((one for one in voice.variants if one.name == name), None)
    return name is None or (converted is not None and converted.sha256 == variant.params.get(FROM_SHA256))


def find_file(voice: Voice, name: str) -> Path:
    """Return the file of a variant that is to be converted, after checking it. Raises NotFound and InvalidInput."""
    variant = require_convertible(voice, name)
    error = integrity_error(Path(variant.path), variant.sha256)
    if error:
        raise InvalidInput(f"{name} of {voice.key} cannot be converted ({error}): {_again(voice)}")
    return Path(variant.path)


def _again(voice: Voice) -> str:
    return f"make it again: ttsdash optimize --model {shlex.quote(voice.key)} --distill --force"
