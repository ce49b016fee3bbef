"""The decoder, HiFi-GAN's generator: upsampling stages, each with several parallel residual blocks."""

from tests.vits.builder import Builder
from tests.vits.layers import conv
from tests.vits.shape import VitsShape

_SLOPE = 0.1
_LAST_SLOPE = 0.01


def decoder(b: Builder, shape: VitsShape, x: str, speaker: str | None) -> str:
    """Return the audio before its last dimension is added, [batch, 1, time]."""
    channels = shape.upsample_channels
    with b.scope("dec"):
        x = conv(b, "conv_pre", x, (shape.latent, channels), 7)
        if speaker:
            x = b.op("Add", x, conv(b, "cond", speaker, (shape.speaker_channels, channels), gain=0.5))
        for stage in range(len(shape.upsample_rates)):
            x = _upsample(b, shape, stage, b.op("LeakyRelu", x, alpha=_SLOPE), channels)
            channels //= 2
            x = _resblocks(b, shape, stage, x, channels)
        x = b.op("LeakyRelu", x, alpha=_LAST_SLOPE)
        x = conv(b, "conv_post", x, (channels, 1), 7, gain=0.15, bias=False)
        return b.op("Tanh", x)


def _upsample(b: Builder, shape: VitsShape, stage: int, x: str, channels: int) -> str:
    rate, kernel = shape.upsample_rates[stage], shape.upsample_kernels[stage]
    padding = (kernel - rate) // 2
    with b.scope(f"ups.{stage}"):
        # A transposed convolution sums over its first dimension, and over kernel / rate of its taps.
        gain = (kernel * channels / 2 / (channels * kernel / rate)) ** 0.5
        weights = (
            b.weight("weight", channels, channels // 2, kernel, gain=gain),
            b.weight("bias", channels // 2, gain=0.05),
        )
        return b.op(
            "ConvTranspose",
            x,
            *weights,
            dilations=[1],
            group=1,
            kernel_shape=[kernel],
            pads=[padding, padding],
            strides=[rate],
        )


def _resblocks(b: Builder, shape: VitsShape, stage: int, x: str, channels: int) -> str:
    """Return the mean of the blocks. All start with the same activation, which the export computes once."""
    block = _resblock_1 if shape.resblock == 1 else _resblock_2
    count = len(shape.resblock_kernels)
    activated = b.op("LeakyRelu", x, alpha=_SLOPE)
    total = ""
    for number, (kernel, dilations) in enumerate(zip(shape.resblock_kernels, shape.resblock_dilations, strict=True)):
        with b.scope(f"resblocks.{stage * count + number}"):
            y = block(b, x, activated, channels, kernel, dilations)
        total = b.op("Add", total, y) if total else y
    return b.op("Div", total, b.float(float(count)))


def _resblock_1(b: Builder, x: str, activated: str, channels: int, kernel: int, dilations: tuple[int, ...]) -> str:
    """Add two convolutions for each dilation, the second one undilated."""
    for number, dilation in enumerate(dilations):
        y = b.op("LeakyRelu", x, alpha=_SLOPE) if number else activated
        y = conv(b, f"convs1.{number}", y, (channels, channels), kernel, dilation)
        y = conv(b, f"convs2.{number}", b.op("LeakyRelu", y, alpha=_SLOPE), (channels, channels), kernel)
        x = b.op("Add", y, x)
    return x


def _resblock_2(b: Builder, x: str, activated: str, channels: int, kernel: int, dilations: tuple[int, ...]) -> str:
    """Add one convolution for each dilation."""
    for number, dilation in enumerate(dilations):
        y = b.op("LeakyRelu", x, alpha=_SLOPE) if number else activated
        x = b.op("Add", conv(b, f"convs.{number}", y, (channels, channels), kernel, dilation), x)
    return x
