"""A disk that is full while a training draws its examples or saves its state: one clear error, and it goes on from there."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from core.distill.examples import Example, draw_examples
from core.distill.sentences import Utterance
from core.distill.states import write_state
from core.distill.teacher import Lesson
from core.errors import format_error
from core.files import naming_full_disk
from tests.faults.shim import Fault, Shim, disarm
from tests.long_runs import LONG

UTTERANCES = [Utterance((number,)) for number in range(3)]
OLD, NEW = ({"step": step, "weights": [float(step)] * 20_000} for step in (1, 2))


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shim]:
    with Shim(tmp_path_factory.mktemp("shim")) as shim:
        yield shim


class StandIn:
    """Speaks for a voice: each sentence is its number."""

    def latents(self, utterance: Utterance) -> Callable[[], Lesson]:
        (number,) = utterance.ids
        return lambda: Lesson(np.full((4, 5000), number, np.float32), np.full(20_000, number, np.float32))


class Tries(NamedTuple):
    """The outcome of what was done on a full disk, and what is there in the end, done again with free space."""

    struck: bool
    error: str | None
    kept: list[int]
    """What could be used before it was done again."""
    complete: bool


def drawn(folder: Path) -> list[Example]:
    return draw_examples(StandIn, UTTERANCES, folder / "examples")  # type: ignore[arg-type]


def draw_twice(folder: Path) -> Iterator[Tries | None]:
    """Draw examples on a full disk, then again with free space."""
    yield None
    error = attempt(lambda: drawn(folder), folder)
    struck = disarm()
    kept = sorted(int(path.name) for path in (folder / "examples").glob("[0-9]*"))
    found = drawn(folder)
    complete = [set(np.unique(one.samples)) | set(np.unique(one.activations)) for one in found] == [{0}, {1}, {2}]
    yield Tries(struck, error, kept, complete and all(len(one.samples) == 20_000 for one in found))


def save_twice(folder: Path) -> Iterator[Tries | None]:
    """Replace a checkpoint on a full disk, then again with free space."""
    import torch

    path = folder / "checkpoint.pt"
    read = partial(torch.load, path, weights_only=True)
    write_state(path, OLD)
    yield None
    error = attempt(lambda: write_state(path, NEW), folder)
    struck = disarm()
    kept = read()["step"]
    assert kept == OLD["step"] or not error
    write_state(path, NEW)
    yield Tries(struck, error, [kept], read() == NEW and [one.name for one in folder.iterdir()] == [path.name])


def attempt(action: Callable[[], object], folder: Path) -> str | None:
    try:
        with naming_full_disk(folder):
            action()
    except OSError as failure:
        return format_error(failure)
    return None


@pytest.mark.parametrize(("steps", "sampled"), [(draw_twice, 3), (save_twice, 1)], ids=["examples", "checkpoint"])
def test_what_was_there_before_the_disk_was_full_is_used_by_the_next_attempt(
    steps: Callable[[Path], Iterator[Tries | None]], sampled: int, shim: Shim, tmp_path: Path
) -> None:
    refused = []
    for at in itertools.count(1, 1 if LONG else sampled):
        folder = tmp_path / str(at)
        folder.mkdir()
        # For three calls, and for ever.
        fault = Fault("full", at, 3 if at % 2 else 0, half=True)
        (tries,) = shim.run(steps, folder, under=folder, fault=fault).reported
        assert tries.complete, fault
        if tries.error:
            assert tries.error.startswith(f"No space left on device ({folder}"), fault
            assert tries.error.endswith("): free some disk space, then try again"), fault
            refused.append(tries.kept)
        if not tries.struck:
            break
    assert len(refused) > 1
    assert refused == sorted(refused, key=len)
