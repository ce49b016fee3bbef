"""Rewrites a decoder so that ONNX Runtime runs it faster and in less memory, with the same numbers.

Three things, all in standard operators:

1. Convolutions over time become two-dimensional ones of height 1: ONNX Runtime keeps only those in its blocked layout.
   An activation stays in that layout when it follows a convolution that nobody else reads, so that a depthwise
   convolution with weight 1 stands in front of each; sums are fused when both sides' dimensions carry one name.
2. A transposed convolution with twice as many taps as its rate becomes a convolution with two taps for each phase, whose
   outputs are interleaved.
3. All stages but the first run in a `Loop` over overlapping windows, several of them as the rows of one tensor: memory
   follows the window, not the sentence, and the rows are what several threads share. Windows are clamped inside the
   sentence, so that its true edges stay edges; what is computed from a window's false edge is cut off.
"""

import math
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import onnx
from onnx import TensorProto, helper

from core.graph.anatomy import NotRecognised
from core.graph.builder import GraphBuilder
from core.graph.decoder import Convolution, Decoder, Stage, Upsampler, read_decoder
from core.graph.index import GraphIndex

_OLDEST_OPSET = 13
_HEAD_STAGES = 1


@dataclass(frozen=True)
class Windows:
    """How the loop cuts: at most `longest` samples of the first stage a window, `rows` windows a turn."""

    longest: int = 256
    rows: int = 2


def rewrite_decoder(model: onnx.ModelProto, windows: Windows) -> onnx.ModelProto:
    """The model with its decoder rewritten, for one sentence at a time. Raises NotRecognised."""
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset < _OLDEST_OPSET:
        raise NotRecognised(f"opset {opset}: the rewriting needs {_OLDEST_OPSET}")
    decoder = read_decoder(model)
    made = onnx.ModelProto()
    made.CopyFrom(model)
    builder = GraphBuilder("/windowed")
    _Rewriter(builder, decoder, windows).rewrite()
    _replace(made.graph, decoder, builder)
    _fix_batch(made.graph)
    return made


def overlap(decoder: Decoder) -> int:
    """How many samples of the first stage the rest of the decoder looks to either side."""
    reach, rate = 0.0, 1
    for stage in decoder.stages[_HEAD_STAGES:]:
        taps = stage.upsampler.weight.shape[2]
        reach += math.ceil(taps / stage.upsampler.rate) / rate
        rate *= stage.upsampler.rate
        reach += stage.reach / rate
    return math.ceil(reach + decoder.last.reach / rate)


class _Rewriter:
    def __init__(self, builder: GraphBuilder, decoder: Decoder, windows: Windows) -> None:
        self._builder, self._decoder, self._windows = builder, decoder, windows
        stages, self._last_convolution = _with_divisors_folded(decoder)
        self._head, self._tail = stages[:_HEAD_STAGES], stages[_HEAD_STAGES:]
        self._lengths = count()

    def rewrite(self) -> None:
        b = self._builder
        x = b.op("Unsqueeze", self._decoder.start, b.integers(2))
        for stage in self._head:
            x = self._stage(b, x, stage, rows=1)
        audio = self._loop(x) if self._tail else self._last(b, x)
        b.op("Reshape", audio, b.integers(1, 1, -1), output=self._decoder.end)

    def _loop(self, x: str) -> str:
        """The rest of the decoder, window by window. `x` is [1, channels, 1, samples]; returns the flat audio."""
        b, rows, reach = self._builder, self._windows.rows, overlap(self._decoder)
        rate = math.prod(stage.upsampler.rate for stage in self._tail)
        samples = b.op("Slice", b.op("Shape", x), b.integers(3), b.integers(4))
        turns = _ceil_div(b, samples, b.integers(self._windows.longest * rows))
        # Balanced: all windows bring forth the same number of samples. The last ones are clamped, and share some.
        windows = b.op("Mul", turns, b.integers(rows))
        brings = _ceil_div(b, samples, windows)
        reads = b.op("Min", samples, b.op("Add", brings, b.integers(2 * reach)))
        body = self._turn(x, samples, brings, reads, reach, rate)
        audio = b.op("Reshape", b.op("Loop", b.op("Squeeze", turns, b.integers(0)), "", body=body), b.integers(-1))
        # Those before the clamped ones bring forth a whole number of windows; what is left is the end of the last one.
        whole = b.op("Mul", b.op("Div", samples, brings), brings)
        before_last = b.op("Mul", whole, b.integers(rate))
        rest = b.op("Mul", b.op("Sub", samples, whole), b.integers(rate))
        total = b.op("Shape", audio)
        first = b.op("Slice", audio, b.integers(0), before_last)
        last = b.op("Slice", audio, b.op("Sub", total, rest), total)
        return b.op("Concat", first, last, axis=0)

    def _turn(self, x: str, samples: str, brings: str, reads: str, reach: int, rate: int) -> onnx.GraphProto:
        """The loop's body: cut the windows of one turn, run them as rows, cut off their false edges."""
        b, rows = GraphBuilder("/windowed/turn"), self._windows.rows
        zero, axis = b.integers(0), b.integers(3)
        latest_read, latest_brought = b.op("Sub", samples, reads), b.op("Sub", samples, brings)
        cut, offsets = [], []
        for row in range(rows):
            number = b.op("Add", b.op("Mul", "turn", b.constant(np.int64(rows))), b.constant(np.int64(row)))
            begin = b.op("Min", b.op("Mul", b.op("Unsqueeze", number, zero), brings), latest_brought)
            read = b.op("Max", b.op("Min", b.op("Sub", begin, b.integers(reach)), latest_read), zero)
            cut.append(b.op("Slice", x, read, b.op("Add", read, reads), axis))
            offsets.append(b.op("Mul", b.op("Sub", begin, read), b.integers(rate)))
        y = b.op("Concat", *cut, axis=2)
        for stage in self._tail:
            y = self._stage(b, y, stage, rows)
        y = self._last(b, y)
        length = b.op("Mul", brings, b.integers(rate))
        kept = [
            b.op(
                "Slice",
                y,
                b.op("Concat", b.integers(row), offset, axis=0),
                b.op("Concat", b.integers(row + 1), b.op("Add", offset, length), axis=0),
                b.integers(2, 3),
            )
            for row, offset in enumerate(offsets)
        ]
        audio = b.op("Reshape", b.op("Concat", *kept, axis=3), b.integers(-1))
        goes_on = b.op("Identity", "goes_on")
        return helper.make_graph(
            b.nodes,
            "turn",
            [
                helper.make_tensor_value_info("turn", TensorProto.INT64, []),
                helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            ],
            [
                helper.make_tensor_value_info(goes_on, TensorProto.BOOL, []),
                helper.make_tensor_value_info(audio, TensorProto.FLOAT, ["window"]),
            ],
            b.constants,
            value_info=b.shapes,
        )

    def _stage(self, b: GraphBuilder, x: str, stage: Stage, rows: int) -> str:
        """One stage over [1, channels, rows, samples]; its sum is left to the next one to divide."""
        x = self._activation(b, x, stage.slope, stage.upsampler.weight.shape[0])
        x = _upsample(b, x, stage.upsampler, rows)
        shape = (1, stage.channels, rows, f"samples_{next(self._lengths)}")
        x = b.shaped(_identity(b, x, stage.channels), shape)
        first = self._activation(b, x, stage.block_slope, stage.channels, shape)
        total = None
        for block in stage.blocks:
            y, activated = x, first
            for number, step in enumerate(block):
                if number:
                    activated = self._activation(b, y, stage.block_slope, stage.channels, shape)
                made = b.shaped(_convolve(b, activated, step[0]), shape)
                for conv in step[1:]:
                    made = b.op("LeakyRelu", made, alpha=stage.block_slope)
                    made = b.shaped(_convolve(b, b.shaped(made, shape), conv), shape)
                y = b.shaped(b.op("Add", made, y), shape)
            total = y if total is None else b.shaped(b.op("Add", total, y), shape)
        return total or x

    def _last(self, b: GraphBuilder, x: str) -> str:
        x = self._activation(b, x, self._decoder.last_slope, self._last_convolution.weight.shape[1])
        return _convolve(b, x, self._last_convolution)

    @staticmethod
    def _activation(b: GraphBuilder, x: str, slope: float, channels: int, shape: tuple[int | str, ...] = ()) -> str:
        y = b.op("LeakyRelu", _identity(b, x, channels), alpha=slope)
        return b.shaped(y, shape) if shape else y


def _with_divisors_folded(decoder: Decoder) -> tuple[tuple[Stage, ...], Convolution]:
    """The stages and the last convolution, each with its weights divided by the divisor of the stage before.

    What lies between is an activation that only scales with its input: leaky ReLU of x / 3 is a third of that of x.
    """
    stages, divisor = [], np.float32(1)
    for stage in decoder.stages:
        upsampler = replace(stage.upsampler, weight=stage.upsampler.weight / divisor)
        stages.append(replace(stage, upsampler=upsampler))
        divisor = np.float32(stage.divisor)
    return tuple(stages), replace(decoder.last, weight=decoder.last.weight / divisor)


def _identity(b: GraphBuilder, x: str, channels: int) -> str:
    """A depthwise convolution that changes nothing but the layout."""
    return b.op("Conv", x, b.constant(np.ones((channels, 1, 1, 1), np.float32)), group=channels, kernel_shape=[1, 1])


def _convolve(b: GraphBuilder, x: str, conv: Convolution) -> str:
    inputs = [x, b.constant(conv.weight[:, :, None, :])]
    if conv.bias is not None:
        inputs.append(b.constant(conv.bias))
    return b.op(
        "Conv",
        *inputs,
        kernel_shape=[1, conv.weight.shape[2]],
        dilations=[1, conv.dilation],
        pads=[0, conv.reach, 0, conv.reach],
    )


def _upsample(b: GraphBuilder, x: str, upsampler: Upsampler, rows: int) -> str:
    """[1, in, rows, samples] to [1, out, rows, samples * rate]."""
    inside, outside, taps = upsampler.weight.shape
    rate, padding = upsampler.rate, upsampler.padding
    bias = upsampler.bias if upsampler.bias is not None else np.zeros(outside, np.float32)
    if taps != 2 * rate:
        return b.op(
            "ConvTranspose",
            x,
            b.constant(upsampler.weight[:, :, None, :]),
            b.constant(bias),
            kernel_shape=[1, taps],
            strides=[1, rate],
            pads=[0, padding, 0, padding],
        )
    # The output at t * rate + phase sees the input at t with tap `phase`, and at t - 1 with tap `phase + rate`.
    phases = np.stack([upsampler.weight[:, :, rate:], upsampler.weight[:, :, :rate]], axis=-1)  # in, out, phase, 2
    weight = phases.transpose(2, 1, 0, 3).reshape(rate * outside, inside, 1, 2)
    y = b.op("Conv", x, b.constant(weight), b.constant(np.tile(bias, rate)), kernel_shape=[1, 2], pads=[0, 1, 0, 1])
    y = b.op("Transpose", b.op("Reshape", y, b.integers(rate, outside, rows, -1)), perm=[1, 2, 3, 0])
    y = b.op("Reshape", y, b.integers(1, outside, rows, -1))
    return b.op("Slice", y, b.integers(padding), b.integers(-padding), b.integers(3)) if padding else y


def _ceil_div(b: GraphBuilder, value: str, by: str) -> str:
    return b.op("Div", b.op("Sub", b.op("Add", value, by), b.integers(1)), by)


def _replace(graph: onnx.GraphProto, decoder: Decoder, builder: GraphBuilder) -> None:
    """Put the builder's nodes in the place of those between the decoder's start and end."""
    index = GraphIndex(graph)
    inside = index.descendants(index.readers[decoder.start]) & index.ancestors([index.producer[decoder.end]])
    place = min(inside)
    kept = [node for position, node in enumerate(index.nodes) if position not in inside]
    before = sum(position not in inside for position in range(place))
    # Everything that the new nodes read is made by the time of `start`.
    before = max(before, 1 + max(n for n, node in enumerate(kept) if decoder.start in node.output))
    nodes = [*kept[:before], *builder.nodes, *kept[before:]]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(builder.constants)
    graph.value_info.extend(builder.shapes)
    drop_unused_initializers(graph)


def drop_unused_initializers(graph: onnx.GraphProto) -> None:
    used = set(GraphIndex(graph).readers) | {entry.name for entry in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _fix_batch(graph: onnx.GraphProto) -> None:
    """The rewritten decoder takes one sentence: the graph says so, and ONNX Runtime refuses more with an error."""
    for entry in graph.input:
        if entry.name in ("input", "input_lengths", "sid"):
            entry.type.tensor_type.shape.dim[0].dim_value = 1
    for entry in graph.output:
        if entry.type.tensor_type.shape.dim:
            entry.type.tensor_type.shape.dim[0].dim_value = 1
