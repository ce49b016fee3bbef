"""The state of the training of a distilled variant, kept beside its file so that it can be trained further."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import InvalidInput
from core.files import sha256_of
from core.records.voices import Outdated, Variant, Voice

DISTILL = "distill"
"""The recipe of the variants that have one."""
CHECKSUM = "training_sha256"
"""The entry of the lineage with the checksum of the state that belongs to a variant."""
_SUFFIX = ".training"


def training_path_of(model: Path) -> Path:
    """Return the path of the state that is kept beside a variant's file."""
    return model.with_name(model.name + _SUFFIX)


def without_training_suffix(name: str) -> str:
    """Return the name of the variant's file that a state is kept beside; any other name as it is."""
    return name.removesuffix(_SUFFIX)


def params_to_go_on(voice: Voice, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with which a variant is trained further: the given ones, and the size that it has.

    Raises InvalidInput if it cannot be trained further, or another size is given.
    """
    size = trained_variant(voice, name).params["size"]
    if given.get("size", size) != size:
        raise InvalidInput(
            f"{name} of {voice.key} has size={size}, which training further does not change: leave size out, "
            f"or train a new one, without --from"
        )
    return {**given, "size": size}


def trained_variant(voice: Voice, name: str) -> Variant:
    """Return a variant that can be trained further. Raises InvalidInput if there is none of that name, or it cannot."""
    variant = next((one for one in voice.variants if one.name == name), None)
    if variant is None or variant.recipe != DISTILL:
        known = ", ".join(one.name for one in voice.variants if one.recipe == DISTILL)
        hint = f"it has: {known}" if known else f"make one: {_command(voice)}"
        raise InvalidInput(f"{voice.key} has no distilled variant {name!r} ({hint})")
    new_one = f"train a new one: {_command(voice)} --param size={variant.params['size']} --force"
    if variant.outdated is Outdated.SOURCE:
        raise InvalidInput(f"{name} of {voice.key} is {variant.outdated.reason}: {new_one}")
    if CHECKSUM not in variant.params:
        raise InvalidInput(f"{name} of {voice.key} was made by a version that kept no state of the training: {new_one}")
    path = training_path_of(Path(variant.path))
    try:
        is_intact = sha256_of(path) == variant.params[CHECKSUM]
    except OSError as error:
        raise InvalidInput(f"cannot read the state of the training, {path} ({error.strerror}): {new_one}") from error
    if not is_intact:
        raise InvalidInput(f"{path} is not the state of the training that was kept: {new_one}")
    return variant


def _command(voice: Voice) -> str:
    return f"ttsdash optimize --model {shlex.quote(voice.key)} --distill"
