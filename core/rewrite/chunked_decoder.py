"""Rewriting the decoder so that ONNX Runtime runs it faster and in less memory.

All stages but the first run in a `Loop` over overlapping chunks, several of them as the batch of one tensor: memory follows
the chunk, not the sentence, and several threads share the batch. Chunks are clamped inside the sentence, so that its true
edges stay edges; what is computed near an inner edge is dropped. Each stage has a kernel of choice (`core.rewrite.stage`);
with `NCHWc` the numbers do not change.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import onnx
from onnx import TensorProto, helper

from core.graph.builder import GraphBuilder
from core.graph.errors import UnsupportedGraph
from core.graph.index import unused_prefix
from core.graph.subgraph import require_opset, splice
from core.rewrite.nchwc import BlockedHead, NCHWc
from core.rewrite.single_batch import fix_batch
from core.rewrite.stage import MakeKernel, write_residual_blocks
from core.vits.hifigan import Decoder, Head, Stage
from core.vits.receptive_field import ReceptiveField
from core.vits.voice_graph import VoiceGraph

STAGES_BEFORE_LOOP = 1


@dataclass(frozen=True)
class Chunking:
    """How the loop cuts the sentence into chunks."""

    max_length: int = 256
    """Samples of the first stage per chunk, at most."""
    batch: int = 2
    """Chunks per iteration."""


ChooseKernel = Callable[[int, Stage], MakeKernel]
"""Takes the number of a stage and the stage, and returns its kernel."""


def fp32_kernel(number: int, stage: Stage) -> MakeKernel:
    """Return the fp32 kernel for every stage."""
    return NCHWc


class Tail(Protocol):
    """What runs in the loop: everything behind the stages in front of it."""

    @property
    def field(self) -> ReceptiveField:
        """Return the receptive field of a sample, in positions of the input."""

    def write(self, b: GraphBuilder, x: str, batch: int) -> str:
        """Write it, from [batch, positions, channels] to [batch, samples].

        Its input is larger than in the voice's graph: by the divisor of the stage before.
        """


def rewrite_decoder(
    voice: VoiceGraph, chunking: Chunking, choose: ChooseKernel = fp32_kernel, other: Decoder | None = None
) -> onnx.ModelProto:
    """Return a copy of the model with its decoder, or another one of that kind, rewritten, for one sentence at a time.

    Raises UnsupportedGraph.
    """
    decoder = other or voice.decoder
    if decoder is None:
        raise UnsupportedGraph(voice.unsupported_decoder)
    return replace_tail(voice.model, decoder, chunking, choose, OwnTail(decoder, choose))


def replace_tail(
    model: onnx.ModelProto, decoder: Decoder, chunking: Chunking, choose: ChooseKernel, tail: Tail
) -> onnx.ModelProto:
    """Return a copy of the model with the decoder's first stages rewritten, and this tail behind them.

    Raises UnsupportedGraph.
    """
    require_opset(model)
    rewritten = onnx.ModelProto()
    rewritten.CopyFrom(model)
    b = GraphBuilder(unused_prefix(model.graph, "/windowed"))
    x = _write_first(b, decoder, choose, STAGES_BEFORE_LOOP)
    b.op("Reshape", _Loop(b, tail, chunking).write(x), b.integers(1, 1, -1), output=decoder.output)
    splice(rewritten.graph, [decoder.input], decoder.output, b)
    fix_batch(rewritten.graph)
    return rewritten


def write_first_stages(b: GraphBuilder, decoder: Decoder, choose: ChooseKernel, count: int = STAGES_BEFORE_LOOP) -> str:
    """Write the first stages, from the decoder's input to what the next stage reads in the voice's graph.

    Returns the name of the result, [1, positions, channels]. The sentence is computed as one chunk.
    """
    x = _write_first(b, decoder, choose, count)
    return b.op("Div", x, b.constant(np.float32(decoder.stages[count - 1].divisor)))


def append_stages(model: onnx.ModelProto, decoder: Decoder, count: int, choose: ChooseKernel) -> str:
    """Append the first stages of a decoder to a model, beside its own, and return their output, [1, channels, positions]."""
    b = GraphBuilder(unused_prefix(model.graph, "/stages"))
    output = b.op("Transpose", write_first_stages(b, decoder, choose, count), perm=[0, 2, 1])
    model.graph.node.extend(b.nodes)
    model.graph.initializer.extend(b.constants)
    model.graph.value_info.extend(b.shapes)
    return output


Numbered = tuple[int, Stage]


class OwnTail:
    """The other stages of the voice's decoder, and its head, which is fp32, because its errors are heard as noise."""

    def __init__(self, decoder: Decoder, choose: ChooseKernel) -> None:
        """Take the decoder, and the choice of the stages' kernels."""
        self._decoder, self._choose = decoder, choose
        self._stages, self._head = _numbered(decoder)[STAGES_BEFORE_LOOP:], _folded_head(decoder)

    @property
    def field(self) -> ReceptiveField:
        """Return the receptive field of a sample, in positions of the input."""
        return self._decoder.field_behind(STAGES_BEFORE_LOOP)

    def write(self, b: GraphBuilder, x: str, batch: int) -> str:
        """Write stages and head. The last stage is fp32, too, and in the layout of the head."""
        head = BlockedHead(b, self._head, batch)
        if not self._stages:
            return head.write(x)
        x = _write_stages(b, x, self._stages[:-1], batch, self._choose)
        _, last = self._stages[-1]
        kernel = NCHWc(b, last, batch)
        return head.write_blocked(write_residual_blocks(kernel, kernel.to_layout(kernel.upsample(x)), last))


class _Loop:
    def __init__(self, builder: GraphBuilder, tail: Tail, chunking: Chunking) -> None:
        self._builder, self._tail, self._chunking = builder, tail, chunking

    def write(self, x: str) -> str:
        """Write the loop over chunks of `x`, [1, samples, channels], and return the audio, [samples]."""
        b, batch = self._builder, self._chunking.batch
        field, rate = self._tail.field.samples, self._tail.field.rate
        samples = b.op("Slice", b.op("Shape", x), b.integers(1), b.integers(2))
        iterations = _ceil_div(b, samples, b.integers(self._chunking.max_length * batch))
        # Balanced: all chunks produce the same number of samples. The last ones are clamped, and overlap more.
        chunks = b.op("Mul", iterations, b.integers(batch))
        produced = _ceil_div(b, samples, chunks)
        read = b.op("Min", samples, b.op("Add", produced, b.integers(2 * field)))
        body = self._iteration(x, samples, produced, read, field, rate)
        audio = b.op("Reshape", b.op("Loop", b.op("Squeeze", iterations, b.integers(0)), "", body=body), b.integers(-1))
        # The chunks before the clamped ones produce a whole number of chunks; the rest is the end of the last one.
        whole = b.op("Mul", b.op("Div", samples, produced), produced)
        before_last = b.op("Mul", whole, b.integers(rate))
        rest = b.op("Mul", b.op("Sub", samples, whole), b.integers(rate))
        total = b.op("Shape", audio)
        first = b.op("Slice", audio, b.integers(0), before_last)
        last = b.op("Slice", audio, b.op("Sub", total, rest), total)
        return b.op("Concat", first, last, axis=0)

    def _iteration(self, x: str, samples: str, produced: str, read: str, field: int, rate: int) -> onnx.GraphProto:
        """Return the loop's body: slice the chunks of one iteration, compute them as a batch, drop their inner edges."""
        b, batch = GraphBuilder(f"{self._builder.prefix}/turn"), self._chunking.batch
        zero, axis = b.integers(0), b.integers(1)
        last_read, last_produced = b.op("Sub", samples, read), b.op("Sub", samples, produced)
        slices, offsets = [], []
        for row in range(batch):
            number = b.op("Add", b.op("Mul", "turn", b.constant(np.int64(batch))), b.constant(np.int64(row)))
            begin = b.op("Min", b.op("Mul", b.op("Unsqueeze", number, zero), produced), last_produced)
            read_begin = b.op("Max", b.op("Min", b.op("Sub", begin, b.integers(field)), last_read), zero)
            slices.append(b.op("Slice", x, read_begin, b.op("Add", read_begin, read), axis))
            offsets.append(b.op("Mul", b.op("Sub", begin, read_begin), b.integers(rate)))
        y = self._tail.write(b, b.op("Concat", *slices, axis=0), batch)
        length = b.op("Mul", produced, b.integers(rate))
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


def _write_stages(b: GraphBuilder, x: str, stages: list[Numbered], batch: int, choose: ChooseKernel) -> str:
    """Write stages, from [batch, samples, channels] to the same at another rate."""
    for number, stage in stages:
        kernel = choose(number, stage)(b, stage, batch)
        x = kernel.from_layout(write_residual_blocks(kernel, kernel.to_layout(kernel.upsample(x)), stage))
    return x


def _write_first(b: GraphBuilder, decoder: Decoder, choose: ChooseKernel, count: int) -> str:
    """Write the first stages for one sentence. The result is larger than in the voice's graph: by the last divisor."""
    x = b.op("Transpose", decoder.input, perm=[0, 2, 1])
    return _write_stages(b, x, _numbered(decoder)[:count], 1, choose)


def _numbered(decoder: Decoder) -> list[Numbered]:
    """Return the stages, each with the upsampler's weights divided by the divisor of the stage before.

    Only an activation lies between, which scales with its input: leaky ReLU of x / 3 is a third of leaky ReLU of x.
    """
    stages, divisor = [], np.float32(1)
    for stage in decoder.stages:
        upsampler = replace(stage.upsampler, weight=stage.upsampler.weight / divisor, input_scale=float(divisor))
        stages.append(replace(stage, upsampler=upsampler))
        divisor = np.float32(stage.divisor)
    return list(enumerate(stages))


def _folded_head(decoder: Decoder) -> Head:
    """Return the head with weights divided by the divisor of the last stage."""
    last = decoder.head.last
    return replace(decoder.head, last=replace(last, weight=last.weight / np.float32(decoder.stages[-1].divisor)))


def _ceil_div(b: GraphBuilder, value: str, by: str) -> str:
    return b.op("Div", b.op("Sub", b.op("Add", value, by), b.integers(1)), by)
