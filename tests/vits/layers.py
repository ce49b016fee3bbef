"""Layers that several components of VITS share."""

import math

from tests.vits.builder import FLOAT, Builder

_LAST = 2**63 - 1


def conv(
    b: Builder,
    name: str,
    x: str,
    channels: tuple[int, int],
    kernel: int = 1,
    dilation: int = 1,
    groups: int = 1,
    gain: float = 1.0,
    bias: bool = True,
    padded: bool = True,
) -> str:
    """Add a convolution over time with `channels` (in, out), padded to keep the length unless the input is padded already."""
    entering, leaving = channels
    padding = dilation * (kernel - 1) // 2 if padded else 0
    with b.scope(name):
        weights = [b.weight("weight", leaving, entering // groups, kernel, gain=gain)]
        if bias:
            weights.append(b.weight("bias", leaving, gain=0.05))
        return b.op(
            "Conv",
            x,
            *weights,
            dilations=[dilation],
            group=groups,
            kernel_shape=[kernel],
            pads=[padding, padding],
            strides=[1],
        )


def layer_norm(b: Builder, name: str, x: str, channels: int) -> str:
    """Add a layer norm over channels, from primitive operators: opset 15 has no LayerNormalization."""
    with b.scope(name):
        x = b.op("Transpose", x, perm=[0, 2, 1])
        centred = b.op("Sub", x, b.op("ReduceMean", x, axes=[-1]))
        variance = b.op("ReduceMean", b.op("Pow", centred, b.float(2.0)), axes=[-1])
        deviation = b.op("Sqrt", b.op("Add", variance, b.float(1e-5)))
        x = b.op("Div", centred, deviation)
        x = b.op("Mul", x, b.weight("gamma", channels, gain=0.1, mean=1.0))
        x = b.op("Add", x, b.weight("beta", channels, gain=0.1))
        return b.op("Transpose", x, perm=[0, 2, 1])


def gelu(b: Builder, x: str) -> str:
    bell = b.op("Erf", b.op("Div", x, b.float(math.sqrt(2))))
    return b.op("Mul", b.op("Mul", x, b.op("Add", bell, b.float(1.0))), b.float(0.5))


def flip(b: Builder, x: str) -> str:
    """Reverse the channels, as torch.flip is exported."""
    return b.op("Slice", x, b.ints(-1), b.ints(-_LAST - 1), b.ints(1), b.ints(-1))


def cut(b: Builder, x: str, start: int, end: int | None, axis: int = 1) -> str:
    """Slice a tensor from `start` to `end` along an axis."""
    return b.op("Slice", x, b.ints(start), b.ints(_LAST if end is None else end), b.ints(axis), b.ints(1))


def size(b: Builder, shape: str, axis: int) -> str:
    """Return one dimension of a shape as a scalar."""
    return b.op("Gather", shape, b.int(axis), axis=0)


def vector(b: Builder, *sizes: str) -> str:
    """Build a shape from computed sizes; constant ones are vectors already."""
    entries = [entry if entry in b.initializers else b.op("Unsqueeze", entry, b.ints(0)) for entry in sizes]
    return b.op("Concat", *entries, axis=0)


def sequence_mask(b: Builder, lengths: str, longest: str) -> str:
    """Return 1.0 inside each sequence of a batch and 0.0 after its end, [batch, 1, longest]."""
    positions = b.op("Unsqueeze", b.op("Range", b.int(0), longest, b.int(1)), b.ints(0))
    within = b.op("Less", positions, b.op("Unsqueeze", lengths, b.ints(1)))
    return b.op("Cast", b.op("Unsqueeze", within, b.ints(1)), to=FLOAT)


def separable_convs(b: Builder, x: str, mask: str, channels: int, kernel: int, layers: int, given: str | None) -> str:
    """Add dilated depth-separable convolutions with residuals, conditioned on `given`."""
    if given:
        x = b.op("Add", x, given)
    for layer in range(layers):
        y = b.op("Mul", x, mask)
        y = conv(b, f"convs_sep.{layer}", y, (channels, channels), kernel, kernel**layer, groups=channels)
        y = gelu(b, layer_norm(b, f"norms_1.{layer}", y, channels))
        y = conv(b, f"convs_1x1.{layer}", y, (channels, channels))
        y = gelu(b, layer_norm(b, f"norms_2.{layer}", y, channels))
        x = b.op("Add", x, y)
    return b.op("Mul", x, mask)
