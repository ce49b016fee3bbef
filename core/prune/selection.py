"""Choosing which residual blocks of a decoder are dropped: those that are heard least for the time that they take.

Of each stage it is the one with the smallest receptive field: the others reach what it reads, so that they can take over what
it computes. Its input stays in the sum of the stage. Trimming the taps of convolutions instead saves less: half
of the time of a convolution with three taps is its activation, its layout and its sum.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from core.prune.decoder_network import LastStages
from core.vits.convolution import Convolution
from core.vits.hifigan import Decoder, Stage

Time = Callable[[Decoder, int, int], float]
"""Takes a decoder, the number of a stage and that of one of its blocks, and returns the time of the block."""
Error = Callable[[LastStages], float]
"""Returns the audible error of some stages."""


def drop_blocks(tail: LastStages, count: int, error: Error, time: Time) -> LastStages:
    """Return the stages without this many blocks; each stage keeps one. Raises ValueError if there are too few."""
    for _ in range(count):
        candidates = list(_candidates(tail))
        if not candidates:
            raise ValueError(count)

        def price(candidate: tuple[int, int], tail: LastStages = tail) -> float:
            number, block = candidate
            return error(_without(tail, number, block)) / time(tail.decoder, number, block)

        tail = _without(tail, *min(candidates, key=price))
    return tail


def most_blocks(tail: LastStages) -> int:
    """Return how many blocks can be dropped."""
    return sum(max(0, _blocks(stage) - 1) for stage in tail.stages)


def _candidates(tail: LastStages) -> Iterator[tuple[int, int]]:
    """Yield the number of each stage that can lose a block, and the number of the block."""
    for number, stage in enumerate(tail.stages, tail.first):
        if _blocks(stage) > 1:
            reaches = {block: _reach(steps) for block, steps in enumerate(stage.blocks) if steps}
            yield number, min(reaches, key=reaches.__getitem__)


def _reach(steps: tuple[tuple[Convolution, ...], ...]) -> int:
    """Return the receptive field of a block, in samples on both sides."""
    return sum(conv.dilation * (conv.taps - 1) for step in steps for conv in step)


def _blocks(stage: Stage) -> int:
    return sum(1 for steps in stage.blocks if steps)


def _without(tail: LastStages, number: int, block: int) -> LastStages:
    stages = list(tail.decoder.stages)
    blocks = list(stages[number].blocks)
    blocks[block] = ()
    stages[number] = replace(stages[number], blocks=tuple(blocks))
    return replace(tail, decoder=replace(tail.decoder, stages=tuple(stages)))
