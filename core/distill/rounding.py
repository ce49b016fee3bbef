"""Rounding as the int8 kernels do it, with gradients as if nothing was rounded.

(Y. Bengio, N. Léonard, A. Courville, "Estimating or Propagating Gradients Through Stochastic Neurons for Conditional
Computation", 2013: the straight-through estimator. S. K. Esser et al., "Learned Step Size Quantization", 2020: the steps.)
"""

import math

import torch
from torch import Tensor, nn

from core.quantize.kernels.static_int8 import QuantParams
from core.quantize.kernels.weight_rounding import MAX_WEIGHT
from core.quantize.ranges import fit_range

_LEVELS = 255
_SMALLEST = 1e-12
# The share of the first range that was seen: rare large values are clipped.
_FIRST_SHARE = 0.8


class InputRounding(nn.Module):
    """Rounds a tensor to u8, in steps that are learned. The zero point is that of the first tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.log_step = nn.Parameter(torch.zeros(()))
        self.register_buffer("zero_point", torch.tensor(-1.0))

    def forward(self, x: Tensor) -> Tensor:
        """Return the tensor rounded."""
        if self.zero_point < 0:
            self._begin(x)
        step = self.log_step.exp()
        integers = torch.clamp(x.float() / step, min=-self.zero_point, max=_LEVELS - self.zero_point)
        integers = integers + (torch.round(integers) - integers).detach()
        return (integers * step).to(x.dtype)

    @property
    def params(self) -> QuantParams:
        """Return the range."""
        return QuantParams(float(self.log_step.detach().exp()), int(self.zero_point))

    def _begin(self, x: Tensor) -> None:
        """Begin with most of this tensor's range."""
        params = fit_range(x.detach().float().cpu().numpy().reshape(-1), "max")
        with torch.no_grad():
            self.zero_point.fill_(params.zero_point)
            self.log_step.fill_(math.log(params.scale * _FIRST_SHARE))


def round_weights(weight: Tensor) -> Tensor:
    """Round weights, [out, ...], with a scale for each output; the largest weight of each stays as it is."""
    with torch.no_grad():
        axes = list(range(1, weight.ndim))
        scale = (weight.abs().amax(dim=axes, keepdim=True) / MAX_WEIGHT).clamp(min=_SMALLEST)
        rounded = torch.round(weight / scale) * scale
    return weight + (rounded - weight).detach()
