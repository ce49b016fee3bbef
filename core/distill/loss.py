"""The loss: the error of the waveform relative to what masks it, and the error of the magnitudes, at several resolutions.

An error is masked by what the original has at the same time in the same band: the ratio of both is what PESQ reacts to, and
since the target is the voice's own waveform, phases can be learned, too. The gradient is written out: it takes half the time
of automatic differentiation.
"""

import numpy as np
import torch
from torch import Tensor

# Lengths of the windows in samples; the hop is a quarter of each.
_WINDOWS = 256, 512, 1024, 2048
# How many of them a step uses, drawn at random: all of them would take longer than the network.
_PER_STEP = 2
# Powers relative to full scale that are no longer heard: of what masks, and of the magnitudes that are compared.
_MASK_FLOOR, _MAGNITUDE_FLOOR = 1e-6, 1e-8
# Lines on either side that mask a line; the frames beside it do, too.
_LINES = 2
# An error this far below what masks it does not count.
_INAUDIBLE = 1e-3


class Loss:
    """The loss of samples, [batch, samples], against the original's."""

    def __init__(self, device: str) -> None:
        self._resolutions = [_Resolution(window, device) for window in _WINDOWS]

    def __call__(self, samples: Tensor, original: Tensor, dice: np.random.Generator) -> tuple[float, Tensor]:
        """Return the loss at resolutions drawn by `dice`, and its gradient by the samples."""
        chosen = dice.choice(len(_WINDOWS), _PER_STEP, replace=False)
        with torch.no_grad():
            parts = [self._resolutions[number](samples, original) for number in chosen]
        values, gradients = zip(*parts, strict=True)
        return sum(values) / _PER_STEP, sum(gradients[1:], gradients[0]) / _PER_STEP


class _Resolution:
    def __init__(self, window: int, device: str) -> None:
        self._length, self._hop = window, window // 4
        self._window = torch.hann_window(window, device=device)
        self._full_scale = float(self._window.square().sum())

    def __call__(self, samples: Tensor, original: Tensor) -> tuple[float, Tensor]:
        target, found = self._spectrum(original), self._spectrum(samples)
        power = _power(target)
        masked, of_error = self._masked_error(found - target, power)
        magnitudes, of_spectrum = self._magnitude_error(found, power)
        gradient = self._gradient(of_error + of_spectrum, samples.shape[1])
        return masked + magnitudes, gradient

    def _masked_error(self, error: Tensor, power: Tensor) -> tuple[float, Tensor]:
        """Return the mean of log(1 + error / mask), and its gradient by the error's spectrum."""
        mask = _smoothed(power) + self._full_scale * _MASK_FLOOR
        ratio = 1 + _INAUDIBLE + _power(error) / mask
        return float(torch.log(ratio).mean()), error * (2 / power.numel() / (mask * ratio))

    def _magnitude_error(self, found: Tensor, power: Tensor) -> tuple[float, Tensor]:
        """Return half of the mean log-magnitude error and of the relative magnitude error, and their gradient."""
        floor = self._full_scale * _MAGNITUDE_FLOOR
        power, expected = _power(found) + floor, power + floor
        log_ratio, magnitude = torch.log(power / expected) / 2, power.sqrt()
        difference = magnitude - expected.sqrt()
        distance, norm = torch.linalg.norm(difference), expected.sum().sqrt()
        value = (log_ratio.abs().mean() + distance / norm) / 2
        of_log = torch.sign(log_ratio) / (power * power.numel())
        of_distance = difference / (magnitude * distance.clamp(min=1e-12) * norm)
        return float(value), found * ((of_log + of_distance) / 2)

    def _spectrum(self, samples: Tensor) -> Tensor:
        """Return the spectrum, [batch, frames, lines]."""
        return torch.fft.rfft(samples.unfold(1, self._length, self._hop) * self._window)

    def _gradient(self, of_spectrum: Tensor, length: int) -> Tensor:
        """Return the gradient by the samples: the adjoint of `_spectrum`."""
        of_spectrum[..., 1:-1] /= 2
        frames = torch.fft.irfft(of_spectrum, self._length) * (self._window * self._length)
        batch, count, _ = frames.shape
        parts = frames.view(batch, count, 4, self._hop)
        blocks = torch.zeros(batch, count + 3, self._hop, device=frames.device)
        for part in range(4):
            blocks[:, part : part + count] += parts[:, :, part]
        gradient = torch.zeros(batch, length, device=frames.device)
        gradient[:, : (count + 3) * self._hop] = blocks.flatten(1)
        return gradient


def _power(spectrum: Tensor) -> Tensor:
    return spectrum.real.square() + spectrum.imag.square()


def _smoothed(power: Tensor) -> Tensor:
    """Return the mean over neighbouring frames and lines."""
    frames, lines = power.shape[1:]
    power = torch.cat([power[:, :1], power, power[:, -1:]], 1)
    power = power[:, :frames] + power[:, 1:-1] + power[:, 2:]
    power = torch.cat([*[power[..., :1]] * _LINES, power, *[power[..., -1:]] * _LINES], 2)
    total = sum((power[..., shift : shift + lines] for shift in range(1, 2 * _LINES + 1)), power[..., :lines])
    return total / (3 * (2 * _LINES + 1))
