"""fp32 in NCHWc, the layout in which ONNX Runtime convolves fastest: blocks of channels, as large as the CPU prefers.

The graph only has standard operators, in a form that ONNX Runtime itself moves into that layout and keeps there:
- convolutions over time are written as two-dimensional ones of height `batch`, since only those are blocked;
- an activation stays blocked when it is the only consumer of a convolution, so a depthwise convolution with weight 1
  precedes each;
- a sum is fused into a convolution when the dimensions of both operands have the same names.
"""

import numpy as np

from core.graph.builder import GraphBuilder
from core.rewrite.stage import has_phases, interleave, phases, unfold
from core.vits.convolution import Convolution, Weights
from core.vits.hifigan import Stage, Upsampler

# A multiple of every CPU's block of channels, which is 8 or 16.
_BLOCK = 16


class NCHWc:
    """The kernel of one stage over [1, channels, batch, samples]."""

    def __init__(self, builder: GraphBuilder, stage: Stage, batch: int) -> None:
        self._b, self._stage, self._batch = builder, stage, batch
        self._shape = (1, stage.channels, batch, f"{builder.prefix}/samples_{len(builder.nodes)}")

    def upsample(self, x: str) -> str:
        """Write activation and upsampler without its bias, which `to_layout` adds."""
        return upsample(
            self._b, self._b.op("LeakyRelu", x, alpha=self._stage.slope), self._stage.upsampler, self._batch
        )

    def to_layout(self, x: str) -> str:
        """Convert from channels-last, and add the upsampler's bias."""
        b = self._b
        x = b.op("Unsqueeze", b.op("Transpose", x, perm=[2, 0, 1]), b.integers(0))
        return b.shaped(self._identity(x, self._stage.upsampler.bias), self._shape)

    def activate(self, x: str) -> str:
        """Write an activation that stays blocked although its input has other consumers."""
        return self.activate_inner(self._identity(x))

    def activate_inner(self, x: str) -> str:
        """Write the activation of a convolution's output."""
        return self._b.shaped(self._b.op("LeakyRelu", x, alpha=self._stage.block_slope), self._shape)

    def convolve(self, activated: str, conv: Convolution) -> str:
        """Write a convolution that keeps the length."""
        return self._b.shaped(self._convolve(activated, conv), self._shape)

    def add(self, x: str, y: str) -> str:
        """Write a residual sum."""
        return self._b.shaped(self._b.op("Add", x, y), self._shape)

    def from_layout(self, x: str) -> str:
        """Convert to channels-last."""
        return self._b.op("Transpose", self._b.op("Squeeze", x, self._b.integers(0)), perm=[1, 2, 0])

    def write_audio(self, x: str, slope: float, last: Convolution) -> str:
        """Write the decoder's last activation and convolution, and return the audio, [batch, samples].

        Its single output channel would cost as much as a whole block of channels. So the block is filled with neighbours
        in time: a convolution with stride `_BLOCK` computes that many samples at each position.
        """
        b, taps = self._b, last.weight.shape[2]
        x = b.op("LeakyRelu", self._identity(x), alpha=slope)
        weight = np.zeros((_BLOCK, self._stage.channels, 1, _BLOCK + taps - 1), np.float32)
        for sample in range(_BLOCK):
            weight[sample, :, 0, sample : sample + taps] = last.weight[0]
        inputs = [x, b.constant(weight)]
        if last.bias is not None:
            inputs.append(b.constant(np.tile(last.bias, _BLOCK)))
        pads = [0, last.same_padding, 0, last.same_padding + _BLOCK - 1]
        y = b.op("Conv", *inputs, kernel_shape=list(weight.shape[2:]), strides=[1, _BLOCK], pads=pads)
        audio = b.op("Reshape", b.op("Transpose", y, perm=[0, 2, 3, 1]), b.integers(self._batch, -1))
        # Remove the padding to a whole block.
        return b.op(
            "Slice", audio, b.integers(0), b.op("Slice", b.op("Shape", x), b.integers(3), b.integers(4)), b.integers(1)
        )

    def _identity(self, x: str, bias: Weights | None = None) -> str:
        """Write a depthwise convolution that only changes the layout, and adds the bias if there is one."""
        channels = self._stage.channels
        inputs = [x, self._b.constant(np.ones((channels, 1, 1, 1), np.float32))]
        if bias is not None:
            inputs.append(self._b.constant(bias))
        return self._b.op("Conv", *inputs, group=channels, kernel_shape=[1, 1])

    def _convolve(self, x: str, conv: Convolution) -> str:
        inputs = [x, self._b.constant(conv.weight[:, :, None, :])]
        if conv.bias is not None:
            inputs.append(self._b.constant(conv.bias))
        return self._b.op(
            "Conv",
            *inputs,
            kernel_shape=[1, conv.weight.shape[2]],
            dilations=[1, conv.dilation],
            pads=[0, conv.same_padding, 0, conv.same_padding],
        )


def upsample(b: GraphBuilder, x: str, upsampler: Upsampler, batch: int) -> str:
    """Write an upsampler without its bias, [batch, samples, in] to [batch, samples * rate, out]."""
    if has_phases(upsampler):
        return interleave(b, b.op("MatMul", unfold(b, x, 2, 1, 1, ""), b.constant(phases(upsampler))), upsampler, batch)
    y = b.op(
        "ConvTranspose",
        b.op("Transpose", x, perm=[0, 2, 1]),
        b.constant(upsampler.weight),
        strides=[upsampler.rate],
        pads=[upsampler.padding, upsampler.padding],
    )
    return b.op("Transpose", y, perm=[0, 2, 1])
