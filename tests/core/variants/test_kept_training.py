"""Which variants can be trained further, and the one line about each other one."""

import re
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInput
from core.files import sha256_of
from core.records.voices import Outdated, Variant, Voice
from core.variants.kept_training import CHECKSUM, params_to_go_on, trained_variant, training_path_of
from tests.factories import make_variant, make_voice

SMALL = "distilled+size=small"


@pytest.fixture
def variant(tmp_path: Path) -> Variant:
    """A distilled variant with the state of its training."""
    path = tmp_path / f"{SMALL}.onnx"
    training_path_of(path).write_bytes(b"state")
    params = {"size": "small", "budget": "auto", CHECKSUM: sha256_of(training_path_of(path))}
    return make_variant(SMALL, path=str(path), recipe="distill", params=params)


def with_changes(variant: Variant, **changes: Any) -> Voice:
    return make_voice(make_variant(**vars(variant) | changes))


def test_a_variant_whose_training_was_kept_can_be_trained_further(variant: Variant) -> None:
    assert trained_variant(make_voice(variant), SMALL) == variant


def test_the_state_of_a_training_is_beside_the_variant() -> None:
    assert training_path_of(Path("amy/distilled.onnx")) == Path("amy/distilled.onnx.training")


def test_its_size_is_that_of_the_variant(variant: Variant) -> None:
    voice = make_voice(variant)
    assert params_to_go_on(voice, SMALL, {"budget": "1h"}) == {"size": "small", "budget": "1h"}
    assert params_to_go_on(voice, SMALL, {"size": "small"}) == {"size": "small"}
    with pytest.raises(InvalidInput, match=rf"^{re.escape(SMALL)} of tiny has size=small, which .* leave size out"):
        params_to_go_on(voice, SMALL, {"size": "large"})


def test_another_configuration_of_the_voice_does_not_matter(variant: Variant) -> None:
    voice = with_changes(variant, outdated=Outdated.CONFIG)
    assert trained_variant(voice, SMALL).name == SMALL


NEW_ONE = "train a new one: ttsdash optimize --model tiny --distill --param size=small --force"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (
            {"params": {"size": "small"}},
            f"{SMALL} of tiny was made by a version that kept no state of the training: {NEW_ONE}",
        ),
        (
            {"outdated": Outdated.SOURCE},
            f"{SMALL} of tiny is outdated, made from an earlier file of this voice: {NEW_ONE}",
        ),
        (
            {"recipe": "dynamic"},
            f"tiny has no distilled variant '{SMALL}' (make one: ttsdash optimize --model tiny --distill)",
        ),
        ({"name": "distilled"}, f"tiny has no distilled variant '{SMALL}' (it has: distilled)"),
        (
            {"path": "/nowhere/small.onnx"},
            f"cannot read the state of the training, /nowhere/small.onnx.training (No such file or directory): {NEW_ONE}",
        ),
    ],
    ids=["made by an older version", "of an earlier export", "not distilled", "of another name", "state missing"],
)
def test_what_cannot_be_trained_further_is_refused_in_one_line(
    changes: dict[str, Any], error: str, variant: Variant
) -> None:
    with pytest.raises(InvalidInput) as refused:
        trained_variant(with_changes(variant, **changes), SMALL)
    assert str(refused.value) == error
    assert refused.value.exit_code == 2


def test_a_state_that_was_changed_is_refused(variant: Variant) -> None:
    path = training_path_of(Path(variant.path))
    path.write_bytes(b"that of another variant")
    with pytest.raises(
        InvalidInput, match=f"^{re.escape(str(path))} is not the state of the training that was kept: train a new one"
    ):
        trained_variant(make_voice(variant), SMALL)
