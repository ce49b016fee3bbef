"""Rewrites a decoder so that ONNX Runtime runs it faster and in less memory.

All stages but the first run in a `Loop` over overlapping windows, several of them as the rows of one tensor: memory
follows the window, not the sentence, and the rows are what several threads share. Windows are clamped inside the
sentence, so that its true edges stay edges; what is computed from a window's false edge is cut off. How a stage is
computed is the choice of an arithmetic (`core.rewrite.stage`); with `Blocked` the numbers stay what they were.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import onnx
from onnx import TensorProto, helper

from core.graph.builder import GraphBuilder
from core.graph.errors import UnsupportedGraph
from core.graph.subgraph import check_opset, splice
from core.rewrite.nchwc import Blocked
from core.rewrite.single_batch import fix_batch
from core.rewrite.stage import MakeArithmetic, write_blocks
from core.vits.convolution import Convolution
from core.vits.hifigan import Decoder, Stage
from core.vits.receptive_field import ReceptiveField
from core.vits.voice_graph import VoiceGraph

_HEAD_STAGES = 1


@dataclass(frozen=True)
class Windows:
    """How the loop cuts: at most `longest` samples of the first stage a window, `rows` windows a turn."""

    longest: int = 256
    rows: int = 2


Choose = Callable[[int, Stage], MakeArithmetic]
"""Takes a stage and its number, and says how to compute it."""


def in_fp32(number: int, stage: Stage) -> MakeArithmetic:
    return Blocked


def rewrite_decoder(voice: VoiceGraph, windows: Windows, choose: Choose = in_fp32) -> onnx.ModelProto:
    """The model with its decoder rewritten, for one sentence at a time. Raises NotRecognised."""
    check_opset(voice.model)
    decoder = voice.decoder
    if decoder is None:
        raise UnsupportedGraph(voice.unsupported_decoder)
    made = onnx.ModelProto()
    made.CopyFrom(voice.model)
    builder = GraphBuilder("/windowed")
    _Rewriter(builder, decoder, windows, choose).rewrite()
    splice(made.graph, [decoder.start], decoder.end, builder)
    fix_batch(made.graph)
    return made


def overlap(decoder: Decoder) -> int:
    """How many samples of the first stage the rest of the decoder looks to either side."""
    field = ReceptiveField()
    for stage in decoder.stages[_HEAD_STAGES:]:
        field = stage.seen_by(field)
    return field.convolved(decoder.last.taps, decoder.last.dilation).reach


Numbered = tuple[int, Stage]


class _Rewriter:
    def __init__(self, builder: GraphBuilder, decoder: Decoder, windows: Windows, choose: Choose) -> None:
        self._builder, self._decoder, self._windows, self._choose = builder, decoder, windows, choose
        stages, self._last = _with_divisors_folded(decoder)
        numbered = list(enumerate(stages))
        self._head, self._tail = numbered[:_HEAD_STAGES], numbered[_HEAD_STAGES:]

    def rewrite(self) -> None:
        b = self._builder
        x = b.op("Transpose", self._decoder.start, perm=[0, 2, 1])
        audio = self._loop(self._stages(b, x, self._head, rows=1)) if self._tail else self._audio(b, x, self._head, 1)
        b.op("Reshape", audio, b.integers(1, 1, -1), output=self._decoder.end)

    def _stages(self, b: GraphBuilder, x: str, stages: list[Numbered], rows: int) -> str:
        """[rows, samples, channels] through these stages to the same of another rate."""
        for number, stage in stages:
            arithmetic = self._choose(number, stage)(b, stage, rows)
            x = arithmetic.leave(write_blocks(arithmetic, arithmetic.enter(arithmetic.upsample(x)), stage))
        return x

    def _audio(self, b: GraphBuilder, x: str, stages: list[Numbered], rows: int) -> str:
        """The same to the audio, [rows, samples]. The very last stage is fp32: what errs there is heard as noise."""
        x = self._stages(b, x, stages[:-1], rows)
        _, last = stages[-1]
        end = Blocked(b, last, rows)
        x = write_blocks(end, end.enter(end.upsample(x)), last)
        return end.finish(x, self._decoder.last_slope, self._last)

    def _loop(self, x: str) -> str:
        """The rest of the decoder, window by window. `x` is [1, samples, channels]; returns the flat audio."""
        b, rows, reach = self._builder, self._windows.rows, overlap(self._decoder)
        rate = math.prod(stage.upsampler.rate for _, stage in self._tail)
        samples = b.op("Slice", b.op("Shape", x), b.integers(1), b.integers(2))
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
        b, rows = GraphBuilder(f"{self._builder.prefix}/turn"), self._windows.rows
        zero, axis = b.integers(0), b.integers(1)
        latest_read, latest_brought = b.op("Sub", samples, reads), b.op("Sub", samples, brings)
        cut, offsets = [], []
        for row in range(rows):
            number = b.op("Add", b.op("Mul", "turn", b.constant(np.int64(rows))), b.constant(np.int64(row)))
            begin = b.op("Min", b.op("Mul", b.op("Unsqueeze", number, zero), brings), latest_brought)
            read = b.op("Max", b.op("Min", b.op("Sub", begin, b.integers(reach)), latest_read), zero)
            cut.append(b.op("Slice", x, read, b.op("Add", read, reads), axis))
            offsets.append(b.op("Mul", b.op("Sub", begin, read), b.integers(rate)))
        y = self._audio(b, b.op("Concat", *cut, axis=0), self._tail, rows)
        length = b.op("Mul", brings, b.integers(rate))
        kept = [
            b.op(
                "Slice",
                y,
                b.op("Concat", b.integers(row), offset, axis=0),
                b.op("Concat", b.integers(row + 1), b.op("Add", offset, length), axis=0),
                b.integers(0, 1),
            )
            for row, offset in enumerate(offsets)
        ]
        audio = b.op("Reshape", b.op("Concat", *kept, axis=1), b.integers(-1))
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


def _with_divisors_folded(decoder: Decoder) -> tuple[tuple[Stage, ...], Convolution]:
    """The stages and the last convolution, each with its weights divided by the divisor of the stage before.

    What lies between is an activation that only scales with its input: leaky ReLU of x / 3 is a third of that of x.
    """
    stages, divisor = [], np.float32(1)
    for stage in decoder.stages:
        upsampler = replace(stage.upsampler, weight=stage.upsampler.weight / divisor, grown=float(divisor))
        stages.append(replace(stage, upsampler=upsampler))
        divisor = np.float32(stage.divisor)
    return tuple(stages), replace(decoder.last, weight=decoder.last.weight / divisor)


def _ceil_div(b: GraphBuilder, value: str, by: str) -> str:
    return b.op("Div", b.op("Sub", b.op("Add", value, by), b.integers(1)), by)
