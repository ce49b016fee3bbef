"""Random crops of the examples, which a step of the training learns from."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from core.distill.examples import Example

# Positions of a crop, and those at either end whose samples do not count: they see the edge of the crop.
CROP, EDGE = 208, 8
_COUNT = 8


class Crops:
    """Draws crops, each position of the examples as often as any other."""

    def __init__(self, examples: Sequence[Example]) -> None:
        """Take the examples; shorter ones than a crop are left out."""
        self._examples = [example for example in examples if example.activations.shape[1] >= CROP]
        positions = np.array([example.activations.shape[1] for example in self._examples])
        self._shares = positions / positions.sum()

    def draw(self, dice: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return activations, [crops, positions, channels], and samples, [crops, samples]."""
        chosen = dice.choice(len(self._examples), _COUNT, p=self._shares)
        crops = [_crop(self._examples[number], dice) for number in chosen]
        activations, samples = (torch.from_numpy(np.stack(part)) for part in zip(*crops, strict=True))
        return activations, samples.float()


def _crop(example: Example, dice: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    positions = example.activations.shape[1]
    hop = len(example.samples) // positions
    begin = int(dice.integers(0, positions - CROP + 1))
    crop = example.activations[:, begin : begin + CROP]
    return crop.T, example.samples[begin * hop : (begin + CROP) * hop]
