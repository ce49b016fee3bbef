"""The start of a training: the last convolution by least squares, on what the untrained layers before it compute."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.distill.crops import CROP, EDGE, Crops
from core.distill.network import StudentModule
from core.seed import SEED

_BATCHES = 12
# Relative to the mean square of the features.
_REGULARIZATION = 1e-4
# The last layer starts this much smaller than the solution, so that the hidden layers before it grow. Muon's steps have a
# fixed size: they are large at first, while the student is far from the voice, and small beside what they have grown to.
_SHRUNK = 10
# Samples are inverted through the tanh only up to here.
_LARGEST = 0.999


def fit_last_convolution(module: StudentModule, crops: Crops) -> None:
    """Give a student a part of the last convolution with the least squared error behind its other layers as they are."""
    outputs, channels, _, taps = module.last.weight.shape
    dice = np.random.default_rng(SEED)
    products, targets = (torch.zeros(1, dtype=torch.float64) for _ in range(2))
    with torch.no_grad():
        for _ in range(_BATCHES):
            rows, wanted = _equations(module, *crops.draw(dice))
            products, targets = products + (rows.T @ rows).double(), targets + (rows.T @ wanted).double()
        ridge = torch.eye(len(products), dtype=torch.float64) * products.diagonal().mean() * _REGULARIZATION
        solution = torch.linalg.solve(products + ridge, targets).float() / _SHRUNK
        module.last.weight.copy_(solution[:-1].reshape(taps, channels, outputs).permute(2, 1, 0)[:, :, None])
        module.last.bias.fill_(float(solution[-1].mean()))


def _equations(module: StudentModule, activations: Tensor, samples: Tensor) -> tuple[Tensor, Tensor]:
    """Return the features and the samples that they should give, [equations, ...], weighted by the level."""
    outputs, _, _, taps = module.last.weight.shape
    features, loudness = module.features(activations)
    rows = _unfolded(features[:, :, 0], taps)
    loudness = loudness.unflatten(1, (-1, outputs))
    target = torch.atanh(samples.clamp(-_LARGEST, _LARGEST)).unflatten(1, (-1, outputs))
    # Errors count as they are heard: behind the level.
    weight = loudness.mean(2, keepdim=True)
    edge = EDGE * rows.shape[1] // CROP
    rows, target = rows * weight, target / loudness * weight
    return rows[:, edge:-edge].flatten(0, 1), target[:, edge:-edge].flatten(0, 1)


def _unfolded(features: Tensor, taps: int) -> Tensor:
    """Return the taps side by side and a one, [batch, positions, taps * channels + 1]."""
    positions = features.shape[2]
    padded = functional.pad(features, (taps // 2, taps // 2))
    shifted = [padded[:, :, tap : tap + positions] for tap in range(taps)]
    rows = torch.cat(shifted, 1).transpose(1, 2)
    return torch.cat([rows, torch.ones_like(rows[:, :, :1])], 2)
