"""fp32 in the layout in which ONNX Runtime convolves fastest: blocks of channels (NCHWc), for the CPU that it runs on.

The graph has standard operators only, in a form that ONNX Runtime itself takes into that layout and keeps there:
- convolutions over time are written as two-dimensional ones of height `rows`, since only those are blocked;
- an activation stays blocked when it follows a convolution that nobody else reads, so that a depthwise convolution with
  weight 1 stands in front of each;
- a sum is fused into a convolution when both sides' dimensions carry one name.
"""

import numpy as np

from core.graph.builder import GraphBuilder
from core.rewrite.stage import has_phases, interleave, phases, unfold
from core.vits.convolution import Convolution, Weights
from core.vits.hifigan import Stage, Upsampler

# Every CPU's blocks of channels, 8 or 16, divide this.
_AT_ONCE = 16


class Blocked:
    """One stage over [1, channels, rows, samples]."""

    def __init__(self, builder: GraphBuilder, stage: Stage, rows: int) -> None:
        self._b, self._stage, self._rows = builder, stage, rows
        self._shape = (1, stage.channels, rows, f"{builder.prefix}/samples_{len(builder.nodes)}")

    def upsample(self, x: str) -> str:
        """Without its bias, which is added where the layout changes."""
        return upsample(self._b, self._b.op("LeakyRelu", x, alpha=self._stage.slope), self._stage.upsampler, self._rows)

    def enter(self, x: str) -> str:
        b = self._b
        x = b.op("Unsqueeze", b.op("Transpose", x, perm=[2, 0, 1]), b.integers(0))
        return b.shaped(self._identity(x, self._stage.upsampler.bias), self._shape)

    def activate(self, x: str) -> str:
        return self.activate_between(self._identity(x))

    def activate_between(self, x: str) -> str:
        return self._b.shaped(self._b.op("LeakyRelu", x, alpha=self._stage.block_slope), self._shape)

    def convolve(self, activated: str, conv: Convolution) -> str:
        return self._b.shaped(self._convolve(activated, conv), self._shape)

    def add(self, x: str, y: str) -> str:
        return self._b.shaped(self._b.op("Add", x, y), self._shape)

    def leave(self, x: str) -> str:
        return self._b.op("Transpose", self._b.op("Squeeze", x, self._b.integers(0)), perm=[1, 2, 0])

    def finish(self, x: str, slope: float, last: Convolution) -> str:
        """The decoder's last activation and convolution: [rows, samples].

        Blocked, its one channel would cost as much as a whole block of them. So the block is filled with neighbours in
        time: each position of a convolution with stride `_AT_ONCE` gives that many samples.
        """
        b, taps = self._b, last.weight.shape[2]
        x = b.op("LeakyRelu", self._identity(x), alpha=slope)
        weight = np.zeros((_AT_ONCE, self._stage.channels, 1, _AT_ONCE + taps - 1), np.float32)
        for sample in range(_AT_ONCE):
            weight[sample, :, 0, sample : sample + taps] = last.weight[0]
        inputs = [x, b.constant(weight)]
        if last.bias is not None:
            inputs.append(b.constant(np.tile(last.bias, _AT_ONCE)))
        pads = [0, last.reach, 0, last.reach + _AT_ONCE - 1]
        y = b.op("Conv", *inputs, kernel_shape=list(weight.shape[2:]), strides=[1, _AT_ONCE], pads=pads)
        audio = b.op("Reshape", b.op("Transpose", y, perm=[0, 2, 3, 1]), b.integers(self._rows, -1))
        # What was padded to a whole block is cut off again.
        return b.op(
            "Slice", audio, b.integers(0), b.op("Slice", b.op("Shape", x), b.integers(3), b.integers(4)), b.integers(1)
        )

    def _identity(self, x: str, bias: Weights | None = None) -> str:
        """A depthwise convolution that changes nothing but the layout, and adds the bias if there is one."""
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
            pads=[0, conv.reach, 0, conv.reach],
        )


def upsample(b: GraphBuilder, x: str, upsampler: Upsampler, rows: int) -> str:
    """[rows, samples, in] to [rows, samples * rate, out], without the bias."""
    if has_phases(upsampler):
        return interleave(b, b.op("MatMul", unfold(b, x, 2, 1, 1, ""), b.constant(phases(upsampler))), upsampler, rows)
    y = b.op(
        "ConvTranspose",
        b.op("Transpose", x, perm=[0, 2, 1]),
        b.constant(upsampler.weight),
        strides=[upsampler.rate],
        pads=[upsampler.padding, upsampler.padding],
    )
    return b.op("Transpose", y, perm=[0, 2, 1])
