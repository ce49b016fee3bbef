"""fp32 in NCHWc, the layout in which ONNX Runtime convolves fastest: blocks of channels, as large as the CPU prefers.

The graph only has standard operators, in a form that ONNX Runtime itself moves into that layout and keeps there:
- convolutions over time are written as two-dimensional ones of height `batch`, since only those are blocked;
- an activation stays blocked when it is the only consumer of a convolution, so a depthwise convolution with weight 1
  precedes each;
- a sum is fused into a convolution when the dimensions of both operands have the same names.
"""

import numpy as np

from core.graph.builder import GraphBuilder
from core.rewrite.stage import has_phases, interleave, phase_taps, phases, unfold
from core.vits.convolution import Convolution, Weights
from core.vits.hifigan import Head, Stage, Upsampler

# A multiple of every CPU's block of channels, which is 8 or 16.
_BLOCK = 16


class _Blocked:
    """Operators over [1, channels, batch, samples], which stay blocked."""

    def __init__(self, builder: GraphBuilder, channels: int, batch: int) -> None:
        self._b, self._channels, self._batch = builder, channels, batch
        self._shape = (1, channels, batch, f"{builder.prefix}/samples_{len(builder.nodes)}")

    def _enter(self, x: str, bias: Weights | None = None) -> str:
        """Convert from channels-last, and add the bias if there is one."""
        x = self._b.op("Unsqueeze", self._b.op("Transpose", x, perm=[2, 0, 1]), self._b.integers(0))
        return self._b.shaped(self._identity(x, bias), self._shape)

    def _activate(self, x: str, slope: float) -> str:
        """Write the activation of a tensor that has no other consumer."""
        return self._b.shaped(self._b.op("LeakyRelu", x, alpha=slope), self._shape)

    def _identity(self, x: str, bias: Weights | None = None) -> str:
        """Write a depthwise convolution that only changes the layout, and adds the bias if there is one."""
        inputs = [x, self._b.constant(np.ones((self._channels, 1, 1, 1), np.float32))]
        if bias is not None:
            inputs.append(self._b.constant(bias))
        return self._b.op("Conv", *inputs, group=self._channels, kernel_shape=[1, 1])


class NCHWc(_Blocked):
    """The kernel of one stage over [1, channels, batch, samples]."""

    def __init__(self, builder: GraphBuilder, stage: Stage, batch: int) -> None:
        super().__init__(builder, stage.channels, batch)
        self._stage = stage

    def upsample(self, x: str) -> str:
        """Write activation and upsampler without its bias, which `to_layout` adds."""
        return upsample(
            self._b, self._b.op("LeakyRelu", x, alpha=self._stage.slope), self._stage.upsampler, self._batch
        )

    def to_layout(self, x: str) -> str:
        """Convert from channels-last, and add the upsampler's bias."""
        return self._enter(x, self._stage.upsampler.bias)

    def activate(self, x: str) -> str:
        """Write an activation that stays blocked although its input has other consumers."""
        return self.activate_inner(self._identity(x))

    def activate_inner(self, x: str) -> str:
        """Write the activation of a convolution's output."""
        return self._activate(x, self._stage.block_slope)

    def convolve(self, activated: str, conv: Convolution) -> str:
        """Write a convolution that keeps the length."""
        inputs = [activated, self._b.constant(conv.weight[:, :, None, :])]
        if conv.bias is not None:
            inputs.append(self._b.constant(conv.bias))
        y = self._b.op(
            "Conv",
            *inputs,
            kernel_shape=[1, conv.weight.shape[2]],
            dilations=[1, conv.dilation],
            pads=[0, conv.same_padding, 0, conv.same_padding],
        )
        return self._b.shaped(y, self._shape)

    def add(self, x: str, y: str) -> str:
        """Write a residual sum."""
        return self._b.shaped(self._b.op("Add", x, y), self._shape)

    def from_layout(self, x: str) -> str:
        """Convert to channels-last."""
        return self._b.op("Transpose", self._b.op("Squeeze", x, self._b.integers(0)), perm=[1, 2, 0])


class BlockedHead(_Blocked):
    """Writes the head of a decoder, from [batch, samples, channels] or [1, channels, batch, samples] to [batch, samples]."""

    def __init__(self, builder: GraphBuilder, head: Head, batch: int) -> None:
        super().__init__(builder, head.channels, batch)
        self._head = head

    def write(self, x: str) -> str:
        """Return the audio of a channels-last tensor."""
        return self.write_blocked(self._enter(x))

    def write_blocked(self, x: str) -> str:
        """Return the audio of a tensor in the layout of `NCHWc`.

        A few output channels would cost as much as a whole block of channels. So the block is filled with neighbours in
        time: a convolution with a stride computes the samples of several positions at once.
        """
        b, head = self._b, self._head
        x = self._activate(self._identity(x), head.slope)
        positions, taps = max(1, _BLOCK // head.hop), head.last.taps
        weight = np.zeros((positions, *head.last.weight.shape[:2], 1, positions + taps - 1), np.float32)
        for position in range(positions):
            weight[position, :, :, 0, position : position + taps] = head.last.weight
        weight = weight.reshape(-1, *weight.shape[2:])
        inputs = [x, b.constant(weight)]
        if head.last.bias is not None:
            inputs.append(b.constant(np.tile(head.last.bias, positions)))
        padding = head.last.same_padding
        y = b.op(
            "Conv",
            *inputs,
            kernel_shape=list(weight.shape[2:]),
            strides=[1, positions],
            pads=[0, padding, 0, padding + positions - 1],
        )
        audio = b.op("Reshape", b.op("Transpose", y, perm=[0, 2, 3, 1]), b.integers(self._batch, -1))
        # Remove the padding to a whole block.
        samples = b.op("Slice", b.op("Shape", x), b.integers(3), b.integers(4))
        if head.hop > 1:
            samples = b.op("Mul", samples, b.integers(head.hop))
        return b.op("Slice", audio, b.integers(0), samples, b.integers(1))


def upsample(b: GraphBuilder, x: str, upsampler: Upsampler, batch: int) -> str:
    """Write an upsampler without its bias, [batch, samples, in] to [batch, samples * rate, out]."""
    if has_phases(upsampler):
        taps = phase_taps(upsampler)
        unfolded = unfold(b, x, taps, 1, taps - 1, "")
        return interleave(b, b.op("MatMul", unfolded, b.constant(phases(upsampler))), upsampler, batch)
    y = b.op(
        "ConvTranspose",
        b.op("Transpose", x, perm=[0, 2, 1]),
        b.constant(upsampler.weight),
        strides=[upsampler.rate],
        pads=[upsampler.padding, upsampler.padding],
    )
    return b.op("Transpose", y, perm=[0, 2, 1])
