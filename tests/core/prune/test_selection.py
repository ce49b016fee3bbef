"""Which residual blocks are dropped."""

from dataclasses import replace

import pytest

from core.prune.decoder_network import LastStages
from core.prune.selection import drop_blocks, most_blocks
from tests.core.prune.decoders import SHAPES, decoder_of


def kept(tail: LastStages) -> list[list[int]]:
    """The kernel of each block that is left, by stage."""
    return [[block[0][0].taps for block in stage.blocks if block] for stage in tail.stages]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, [[3, 5, 7], [5, 7]]), (2, [[3, 5, 7], [7]]), (3, [[5, 7], [7]]), (4, [[7], [7]])],
)
def test_what_is_heard_least_for_its_time_is_dropped_first(count: int, expected: list[list[int]]) -> None:
    tail = LastStages(decoder_of(SHAPES["medium"])[1], 1)
    errors = {3: 1.0, 5: 2.0, 7: 9.0}

    def error(candidate: LastStages) -> float:
        gone = [[kernel for kernel in (3, 5, 7) if kernel not in stage] for stage in kept(candidate)]
        # What the earlier stage loses is heard three times as much.
        return sum(3 * errors[kernel] for kernel in gone[0]) + sum(errors[kernel] for kernel in gone[1])

    assert kept(drop_blocks(tail, count, error, lambda *_: 1.0)) == expected


def test_what_takes_more_time_may_be_heard_more() -> None:
    tail = LastStages(decoder_of(SHAPES["medium"])[1], 1)

    def error(candidate: LastStages) -> float:
        return 2.0 if 3 not in kept(candidate)[0] else 1.0

    assert kept(drop_blocks(tail, 1, error, lambda *_: 1.0)) == [[3, 5, 7], [5, 7]]
    times = {1: 5.0, 2: 1.0}
    assert kept(drop_blocks(tail, 1, error, lambda _, number, block: times[number])) == [[5, 7], [3, 5, 7]]


def test_of_a_stage_the_block_that_reaches_least_is_dropped_wherever_it_stands() -> None:
    decoder = decoder_of(SHAPES["medium"])[1]
    turned = tuple(replace(stage, blocks=stage.blocks[::-1]) for stage in decoder.stages)
    tail = LastStages(replace(decoder, stages=turned), 2)
    assert kept(drop_blocks(tail, 1, lambda _: 1.0, lambda *_: 1.0)) == [[7, 5]]


@pytest.mark.parametrize(("name", "first", "most"), [("medium", 1, 4), ("high", 1, 6), ("one stage", 0, 2)])
def test_each_stage_keeps_a_block(name: str, first: int, most: int) -> None:
    tail = LastStages(decoder_of(SHAPES[name])[1], first)
    assert most_blocks(tail) == most
    dropped = drop_blocks(tail, most, lambda _: 1.0, lambda *_: 1.0)
    assert [len(stage) for stage in kept(dropped)] == [1] * len(tail.stages)
    with pytest.raises(ValueError, match=str(most + 1)):
        drop_blocks(tail, most + 1, lambda _: 1.0, lambda *_: 1.0)
