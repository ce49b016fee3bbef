"""A student as a PyTorch module, and back. PyTorch is imported here, in the process of a job."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.distill.rounding import InputRounding, round_weights
from core.distill.student import LEAST_POWER, SMOOTHED, Student, triangles
from core.vits.convolution import Convolution, Weights


class StudentModule(nn.Module):
    """A student in training.

    Tensors are [batch, channels, 1, positions] with the channels last in memory: two-dimensional convolutions in that layout
    are several times as fast as one-dimensional ones.
    """

    def __init__(self, student: Student) -> None:
        """Start from a student's weights; `int8` begins as False."""
        super().__init__()
        self._student = student
        self.first = _Hidden(student.first, student.upsampling)
        self.residuals = nn.ModuleList(_Hidden(conv) for conv in student.residuals)
        self.last = _Even(student.last)
        for name, count in (("samples", student.rate), ("positions", student.upsampling)):
            self.register_buffer(f"_per_{name}", torch.from_numpy(triangles(count))[:, None], persistent=False)
        self.int8 = False
        """Whether hidden layers round weights and inputs, as they do in a published variant."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the samples, [batch, samples], of the kept stages' output, [batch, positions, channels]."""
        features, loudness = self.features(x)
        with torch.autocast(x.device.type, enabled=False):
            y = self.last(features.float())
        return torch.tanh(y.permute(0, 2, 3, 1).flatten(1) * loudness)

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the last convolution reads, and what its output is multiplied by, [batch, samples]."""
        slope = self._student.inner_slope
        activated = functional.leaky_relu(x.float(), self._student.slope)
        y = self.first(activated.transpose(1, 2)[:, :, None], self.int8)
        level = _level(y)
        batch, _, _, positions = y.shape
        y = y.permute(0, 2, 3, 1).reshape(batch, 1, positions * self._student.upsampling, -1).permute(0, 3, 1, 2)
        y = y * _interpolated(1 / level, self._per_positions)[:, None, None].to(y.dtype)
        for layer in self.residuals:
            y = y + layer(functional.leaky_relu(y, slope), self.int8)
        return functional.leaky_relu(y, slope), _interpolated(level, self._per_samples)

    @property
    def matrices(self) -> list[nn.Parameter]:
        """Return the weights of the hidden layers as matrices, [out, taps * in]."""
        return [matrix for layer in (self.first, *self.residuals) for matrix in layer.matrices]

    @property
    def steps(self) -> list[nn.Parameter]:
        """Return the logarithms of the steps that inputs are rounded in."""
        return [layer.rounding.log_step for layer in (self.first, *self.residuals)]

    def to_student(self) -> Student:
        """Return the student with the weights as they are now, rounded if they are in training."""
        hidden = [self.first, *self.residuals]
        first, *residuals = (layer.to_convolution(self.int8) for layer in hidden)
        return replace(
            self._student,
            first=first,
            residuals=tuple(residuals),
            last=self.last.to_convolution(),
            ranges=tuple(layer.rounding.params for layer in hidden) if self.int8 else (),
        )


def _level(y: Tensor) -> Tensor:
    """Return the smoothed root mean square over the channels, [batch, 1, positions]."""
    power = y.float().square().mean(1)
    for _ in range(2):
        power = functional.avg_pool1d(power, SMOOTHED, 1, SMOOTHED // 2, count_include_pad=False)
    return torch.sqrt(power + LEAST_POWER)


def _interpolated(values: Tensor, weights: Tensor) -> Tensor:
    """Return [batch, 1, positions] with linear interpolation, [batch, positions * points]."""
    padded = functional.pad(values, (1, 1), mode="replicate")
    with torch.autocast(values.device.type, enabled=False):
        return functional.conv1d(padded, weights).transpose(1, 2).flatten(1)


class _Even(nn.Module):
    """A last convolution all of whose outputs respond alike to a constant input.

    Otherwise features that change slowly, as those of noise do, make a tone at the rate of the positions.
    """

    def __init__(self, conv: Convolution) -> None:
        super().__init__()
        self._conv = conv
        self.weight = nn.Parameter(torch.from_numpy(conv.weight[:, :, None].copy()))
        self.register_buffer("bias", torch.from_numpy(_bias(conv).mean(keepdims=True)))

    def forward(self, x: Tensor) -> Tensor:
        return _convolve(x, self._even, self.bias.expand(len(self.weight)), self._conv)

    def to_convolution(self) -> Convolution:
        bias = self.bias.expand(len(self.weight))
        return replace(self._conv, weight=_array(self._even[:, :, 0]), bias=_array(bias))

    @property
    def _even(self) -> Tensor:
        mean = self.weight.mean(3, keepdim=True)
        return self.weight - (mean - mean.mean(0, keepdim=True))


class _Hidden(nn.Module):
    """A convolution that is computed in int8 in the end. Its weights are matrices, one for each group of outputs."""

    def __init__(self, conv: Convolution, groups: int = 1) -> None:
        super().__init__()
        self._conv = conv
        # The memory layout of a convolution with channels last.
        rows = torch.from_numpy(conv.weight.transpose(0, 2, 1).reshape(len(conv.weight), -1).copy())
        self.matrices = nn.ParameterList(nn.Parameter(group.clone()) for group in rows.chunk(groups))
        # Not trained: behind the level, values are the same for loud and for quiet audio.
        self.register_buffer("bias", torch.from_numpy(_bias(conv).copy()))
        self.rounding = InputRounding()

    def forward(self, x: Tensor, int8: bool) -> Tensor:
        weight = self._weight
        if int8:
            x, weight = self.rounding(x), round_weights(weight)
        return _convolve(x, weight, self.bias, self._conv)

    def to_convolution(self, int8: bool) -> Convolution:
        weight = round_weights(self._weight) if int8 else self._weight
        return replace(self._conv, weight=_array(weight[:, :, 0]), bias=_array(self.bias))

    @property
    def _weight(self) -> Tensor:
        outputs, inputs, taps = self._conv.weight.shape
        rows = torch.cat(list(self.matrices))
        return rows.view(outputs, 1, taps, inputs).permute(0, 3, 1, 2)


def _convolve(x: Tensor, weight: Tensor, bias: Tensor, conv: Convolution) -> Tensor:
    return functional.conv2d(x, weight, bias, padding=(0, conv.same_padding), dilation=(1, conv.dilation))


def _bias(conv: Convolution) -> Weights:
    return np.zeros(len(conv.weight), np.float32) if conv.bias is None else conv.bias


def _array(values: Tensor) -> Weights:
    array: Weights = values.detach().float().cpu().contiguous().numpy().copy()
    return array
