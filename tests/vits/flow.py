"""The flow, run in reverse: from the latent to the decoder's input, by residual couplings of WaveNet layers."""

from tests.vits.alignment import Aligned
from tests.vits.builder import Builder
from tests.vits.layers import conv, cut, flip
from tests.vits.shape import VitsShape


def flow(b: Builder, shape: VitsShape, aligned: Aligned, speaker: str | None) -> str:
    x = aligned.latent
    with b.scope("flow"):
        for number in reversed(range(shape.flow_couplings)):
            with b.scope(f"flows.{2 * number}"):
                x = _coupling(b, shape, flip(b, x), aligned.mask, speaker)
    return b.op("Mul", x, aligned.mask)


def _coupling(b: Builder, shape: VitsShape, x: str, mask: str, speaker: str | None) -> str:
    """Shift one half of the channels by a function of the other; the scale is 1, but computed all the same."""
    half = shape.latent // 2
    kept, shifted = b.split_op("Split", x, b.ints(half, half), outputs=2, axis=1)
    h = b.op("Mul", conv(b, "pre", kept, (half, shape.hidden)), mask)
    with b.scope("enc"):
        h = _wavenet(b, shape, h, mask, speaker)
    mean = b.op("Mul", conv(b, "post", h, (shape.hidden, half), gain=0.5), mask)
    log_scale = b.zeros_of(b.op("Shape", mean))
    shifted = b.op("Sub", shifted, mean)
    shifted = b.op("Mul", b.op("Mul", shifted, b.op("Exp", b.op("Neg", log_scale))), mask)
    return b.op("Concat", kept, shifted, axis=1)


def _wavenet(b: Builder, shape: VitsShape, x: str, mask: str, speaker: str | None) -> str:
    width, layers = shape.hidden, shape.wavenet_layers
    skipped = b.zeros_of(b.op("Shape", x))
    if speaker:
        speaker = conv(b, "cond_layer", speaker, (shape.speaker_channels, 2 * width * layers), gain=0.5)
    for layer in range(layers):
        y = _gated(b, shape, layer, x, speaker)
        last = layer == layers - 1
        y = conv(b, f"res_skip_layers.{layer}", y, (width, width if last else 2 * width))
        if not last:
            x = b.op("Mul", b.op("Add", x, cut(b, y, 0, width)), mask)
            y = cut(b, y, width, None)
        skipped = b.op("Add", skipped, y)
    return b.op("Mul", skipped, mask)


def _gated(b: Builder, shape: VitsShape, layer: int, x: str, speaker: str | None) -> str:
    """Gate one half of the channels by the other."""
    width = shape.hidden
    y = conv(b, f"in_layers.{layer}", x, (width, 2 * width), shape.wavenet_kernel)
    start, end = 2 * width * layer, 2 * width * (layer + 1)
    given = cut(b, speaker, start, end) if speaker else b.zeros_of(b.op("Shape", y))
    y = b.op("Add", y, given)
    return b.op("Mul", b.op("Tanh", cut(b, y, 0, width)), b.op("Sigmoid", cut(b, y, width, None)))
