"""The text encoder: phonemes to the mean and the log-scale of the prior, by a transformer with relative positions."""

import math
from dataclasses import dataclass

from tests.vits.builder import Builder
from tests.vits.layers import conv, cut, layer_norm, sequence_mask, size, vector
from tests.vits.shape import VitsShape


@dataclass(frozen=True)
class Encoded:
    """The tensors that other components read."""

    hidden: str
    mean: str
    log_scale: str
    mask: str
    mask_column: str
    """Return the mask with a dimension for frames, [batch, 1, 1, phonemes]."""


def text_encoder(b: Builder, shape: VitsShape) -> Encoded:
    with b.scope("enc_p"):
        x = b.op("Gather", b.weight("emb.weight", shape.symbols, shape.hidden), "input")
        x = b.op("Mul", x, b.float(math.sqrt(shape.hidden)))
        x = b.op("Transpose", x, perm=[0, 2, 1])
        mask = sequence_mask(b, "input_lengths", size(b, b.op("Shape", x), 2))
        x = b.op("Mul", x, mask)
        x, mask_column = _transformer(b, shape, x, mask)
        prior = conv(b, "proj", x, (shape.hidden, 2 * shape.latent), gain=0.6)
        prior = b.op("Mul", prior, mask)
        sizes = b.ints(shape.latent, shape.latent)
        mean, log_scale = b.split_op("Split", prior, sizes, outputs=2, axis=1)
    return Encoded(x, mean, log_scale, mask, mask_column)


def _transformer(b: Builder, shape: VitsShape, x: str, mask: str) -> tuple[str, str]:
    with b.scope("encoder"):
        mask_column = b.op("Unsqueeze", mask, b.ints(2))
        attended = b.op("Mul", mask_column, b.op("Unsqueeze", mask, b.ints(-1)))
        x = b.op("Mul", x, mask)
        for layer in range(shape.encoder_layers):
            y = _attention(b, layer, shape, x, attended)
            x = layer_norm(b, f"norm_layers_1.{layer}", b.op("Add", x, y), shape.hidden)
            y = _feed_forward(b, f"ffn_layers.{layer}", shape, x, mask)
            x = layer_norm(b, f"norm_layers_2.{layer}", b.op("Add", x, y), shape.hidden)
        return b.op("Mul", x, mask), mask_column


def _feed_forward(b: Builder, name: str, shape: VitsShape, x: str, mask: str) -> str:
    before = (shape.encoder_kernel - 1) // 2
    pads = b.ints(0, 0, before, 0, 0, shape.encoder_kernel - 1 - before)
    widths = shape.hidden, shape.encoder_filter
    with b.scope(name):
        x = b.op("Pad", b.op("Mul", x, mask), pads, "", mode="constant")
        x = b.op("Relu", conv(b, "conv_1", x, widths, shape.encoder_kernel, padded=False))
        x = b.op("Pad", b.op("Mul", x, mask), pads, "", mode="constant")
        x = conv(b, "conv_2", x, widths[::-1], shape.encoder_kernel, padded=False)
        return b.op("Mul", x, mask)


def _attention(b: Builder, layer: int, shape: VitsShape, x: str, attended: str) -> str:
    """Add self-attention with relative positions of keys and values (P. Shaw and others, 2018)."""
    width = shape.hidden, shape.hidden
    depth = shape.hidden // shape.heads
    with b.scope(f"attn_layers.{layer}"):
        query, key, value = (conv(b, f"conv_{part}", x, width) for part in "qkv")
        sizes = b.op("Shape", key)
        # The width is a constant after the embedding, and computed after a layer.
        batch, channels = size(b, sizes, 0), size(b, sizes, 1) if layer else b.ints(shape.hidden)
        length, queries = size(b, sizes, 2), size(b, b.op("Shape", query), 2)
        heads = b.ints(shape.heads), b.ints(depth)
        query = b.op("Reshape", query, vector(b, batch, *heads, queries), allowzero=0)
        query = b.op("Transpose", query, perm=[0, 1, 3, 2])
        by_head = vector(b, batch, *heads, length)
        key = b.op("Reshape", key, by_head, allowzero=0)
        value = b.op("Transpose", b.op("Reshape", value, by_head, allowzero=0), perm=[0, 1, 3, 2])
        query = b.op("Div", query, b.float(math.sqrt(depth)))

        scores = b.op("MatMul", query, key)
        near_keys = b.op("Transpose", _near(b, "emb_rel_k", shape, length), perm=[0, 1, 3, 2])
        scores = b.op("Add", scores, _to_absolute(b, b.op("MatMul", query, near_keys)))
        masked = b.op("Equal", attended, b.float(0.0))
        weights = b.op("Softmax", b.op("Where", masked, b.float(-1e4), scores), axis=-1)

        y = b.op("MatMul", weights, value)
        y = b.op("Add", y, b.op("MatMul", _to_relative(b, weights), _near(b, "emb_rel_v", shape, length)))
        y = b.op("Transpose", y, perm=[0, 1, 3, 2])
        y = b.op("Reshape", y, vector(b, batch, channels, queries), allowzero=0)
        return conv(b, "conv_o", y, width)


def _near(b: Builder, name: str, shape: VitsShape, length: str) -> str:
    """Return the embeddings of all 2 length - 1 relative positions, zero beyond the window."""
    window = shape.attention_window
    table = b.weight(name, 1, 2 * window + 1, shape.hidden // shape.heads, gain=3.0)
    # Negative for a short text, which crops.
    beyond = b.op("Sub", length, b.int(window + 1))
    used = b.op("Sub", b.op("Mul", length, b.int(2)), b.int(1))
    table = _pad(b, table, 3, axis=1, before=beyond, after=beyond)
    table = b.op("Slice", table, b.ints(0), b.op("Unsqueeze", used, b.ints(0)), b.ints(1), b.ints(1))
    return b.op("Unsqueeze", table, b.ints(0))


def _to_absolute(b: Builder, x: str) -> str:
    """Convert scores by relative position, [batch, heads, length, 2 length - 1], to scores by key, by shearing the matrix."""
    sizes = b.op("Shape", x)
    batch, heads, length = (size(b, sizes, axis) for axis in range(3))
    x = b.op("Pad", x, b.ints(0, 0, 0, 0, 0, 0, 0, 1), "", mode="constant")
    twice = b.op("Mul", length, b.int(2))
    x = b.op("Reshape", x, vector(b, batch, heads, b.op("Mul", twice, length)), allowzero=0)
    less = b.op("Sub", length, b.int(1))
    x = _pad(b, x, 3, axis=2, before=None, after=less)
    sheared = vector(b, batch, heads, b.op("Add", length, b.int(1)), b.op("Sub", twice, b.int(1)))
    x = b.op("Reshape", x, sheared, allowzero=0)
    rows = b.op("Unsqueeze", length, b.ints(0))
    start = b.op("Concat", b.ints(0), b.op("Unsqueeze", less, b.ints(0)), axis=0)
    end = b.op("Concat", rows, b.ints(2**63 - 1), axis=0)
    return b.op("Slice", x, start, end, b.ints(2, 3), b.ints(1, 1))


def _to_relative(b: Builder, x: str) -> str:
    """Convert weights by key, [batch, heads, length, length], to weights by relative position."""
    sizes = b.op("Shape", x)
    batch, heads, length = (size(b, sizes, axis) for axis in range(3))
    less = b.op("Sub", length, b.int(1))
    x = _pad(b, x, 4, axis=3, before=None, after=less)
    entries = b.op("Add", b.op("Mul", length, length), b.op("Mul", length, less))
    x = b.op("Reshape", x, vector(b, batch, heads, entries), allowzero=0)
    x = _pad(b, x, 3, axis=2, before=length, after=None)
    x = b.op("Reshape", x, vector(b, batch, heads, length, b.op("Mul", length, b.int(2))), allowzero=0)
    return cut(b, x, 1, None, axis=3)


def _pad(b: Builder, x: str, rank: int, axis: int, before: str | None, after: str | None) -> str:
    """Pad along one axis by computed sizes: torch lists pads from the last axis, which the export reverses."""
    entries = [b.ints(0)] * (2 * rank)
    place = 2 * (rank - 1 - axis)
    for offset, amount in enumerate((before, after)):
        if amount:
            entries[place + offset] = b.op("Unsqueeze", amount, b.ints(0))
    pairs = b.op("Reshape", b.op("Concat", *entries, axis=0), b.ints(-1, 2), allowzero=0)
    turned = b.op("Slice", pairs, b.ints(-1), b.ints(-(2**63)), b.ints(0), b.ints(-1))
    pads = b.op("Reshape", b.op("Transpose", turned, perm=[1, 0]), b.ints(-1), allowzero=0)
    return b.op("Pad", x, pads, "", mode="constant")
