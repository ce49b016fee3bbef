"""The loss: nothing for the original, more for what is heard, and the gradient of its value."""

import numpy as np
import pytest
import torch
from torch import Tensor

from core.distill.loss import _WINDOWS, Loss, _power, _Resolution, _smoothed

ORIGINAL = 0.1 * torch.randn(2, 4096, generator=torch.manual_seed(0))
NOISE = torch.randn(2, 4096, generator=torch.manual_seed(1))


def value(samples: Tensor, original: Tensor = ORIGINAL) -> float:
    return Loss("cpu")(samples, original, np.random.default_rng(0))[0]


def test_the_original_has_no_loss() -> None:
    assert value(ORIGINAL) < 0.002


def test_louder_noise_costs_more() -> None:
    losses = [value(ORIGINAL + level * NOISE) for level in (0.001, 0.01, 0.1)]
    assert losses == sorted(losses)
    assert losses[-1] > 10 * losses[0]


def test_noise_costs_less_where_the_original_masks_it() -> None:
    loud = ORIGINAL.clone()
    loud[:, :2048] *= 10
    noise = torch.zeros_like(NOISE)
    noise[:, :2048] = 0.02 * NOISE[:, :2048]
    assert value(loud + noise, loud) < value(loud + noise.flip(1), loud) / 2


def test_the_same_magnitudes_with_other_phases_cost_something() -> None:
    assert value(-ORIGINAL) > 0.5


@pytest.mark.parametrize("window", _WINDOWS)
def test_the_gradient_is_that_of_the_value(window: int) -> None:
    resolution = _Resolution(window, "cpu")
    samples = (ORIGINAL + 0.05 * NOISE).requires_grad_()
    value, gradient = resolution(samples.detach(), ORIGINAL)
    expected = _by_its_definition(resolution, samples)
    expected.backward()
    assert float(expected.detach()) == pytest.approx(value, rel=1e-5)
    assert samples.grad is not None
    assert torch.linalg.norm(gradient - samples.grad) < 1e-5 * torch.linalg.norm(samples.grad)


def _by_its_definition(resolution: _Resolution, samples: Tensor) -> Tensor:
    target, found = resolution._spectrum(ORIGINAL), resolution._spectrum(samples)
    power, full_scale = _power(target), resolution._full_scale
    masked = torch.log(1.001 + _power(found - target) / (_smoothed(power) + 1e-6 * full_scale)).mean()
    spoken, expected = _power(found) + 1e-8 * full_scale, power + 1e-8 * full_scale
    shape = (torch.log(spoken.sqrt()) - torch.log(expected.sqrt())).abs().mean()
    level = torch.linalg.norm(spoken.sqrt() - expected.sqrt()) / torch.linalg.norm(expected.sqrt())
    return masked + (shape + level) / 2
