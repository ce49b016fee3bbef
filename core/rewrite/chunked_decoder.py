"""Rewriting the decoder so that ONNX Runtime runs it faster and in less memory.

All stages but the first run in a `Loop` over overlapping chunks, several of them as the batch of one tensor: memory follows
the chunk, not the sentence, and several threads share the batch. Chunks are clamped inside the sentence, so that its true
edges stay edges; what is computed near an inner edge is dropped. Each stage has a kernel of choice (`core.rewrite.stage`);
with `NCHWc` the numbers do not change.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

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

# The stages in front of the loop.
_HEAD_STAGES = 1


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


def rewrite_decoder(
    voice: VoiceGraph, chunking: Chunking, choose: ChooseKernel = fp32_kernel, student: Decoder | None = None
) -> onnx.ModelProto:
    """Return a copy of the model with its decoder rewritten, for one sentence at a time.

    A `student` takes the place of the voice's own decoder, between the same tensors. Raises UnsupportedGraph.
    """
    require_opset(voice.model)
    decoder = student or voice.decoder
    if decoder is None:
        raise UnsupportedGraph(voice.unsupported_decoder)
    rewritten = onnx.ModelProto()
    rewritten.CopyFrom(voice.model)
    builder = GraphBuilder(unused_prefix(voice.model.graph, "/windowed"))
    _Rewriter(builder, decoder, chunking, choose).rewrite()
    splice(rewritten.graph, [decoder.input], decoder.output, builder)
    fix_batch(rewritten.graph)
    return rewritten


def append_stages(model: onnx.ModelProto, decoder: Decoder, count: int, choose: ChooseKernel) -> str:
    """Append the first stages of a decoder to a model, beside its own, and return the tensor of their output.

    It is [1, channels, samples]. The sentence is computed as one chunk.
    """
    b = GraphBuilder(unused_prefix(model.graph, "/stages"))
    first = replace(decoder, stages=decoder.stages[:count])
    x = _Rewriter(b, first, Chunking(), choose).write_stages()
    divided = b.op("Div", x, b.constant(np.float32(first.stages[-1].divisor)))
    output = b.op("Transpose", divided, perm=[0, 2, 1])
    model.graph.node.extend(b.nodes)
    model.graph.initializer.extend(b.constants)
    model.graph.value_info.extend(b.shapes)
    return output


def overlap(decoder: Decoder) -> int:
    """Return the receptive field of the stages in the loop, in samples of the first stage on either side."""
    field = ReceptiveField()
    for stage in decoder.stages[_HEAD_STAGES:]:
        field = stage.extend_field(field)
    return decoder.head.extend_field(field).samples


Numbered = tuple[int, Stage]


class _Rewriter:
    def __init__(self, builder: GraphBuilder, decoder: Decoder, chunking: Chunking, choose: ChooseKernel) -> None:
        self._builder, self._decoder, self._chunking, self._choose = builder, decoder, chunking, choose
        stages, self._audio_head = _with_divisors_folded(decoder)
        numbered = list(enumerate(stages))
        self._head, self._tail = numbered[:_HEAD_STAGES], numbered[_HEAD_STAGES:]

    def rewrite(self) -> None:
        b = self._builder
        x = b.op("Transpose", self._decoder.input, perm=[0, 2, 1])
        is_whole = not self._tail and not self._audio_head.residuals
        audio = self._audio(b, x, self._head, 1) if is_whole else self._loop(self._stages(b, x, self._head, batch=1))
        b.op("Reshape", audio, b.integers(1, 1, -1), output=self._decoder.output)

    def write_stages(self) -> str:
        """Write all stages for the whole sentence, and return their output, [1, samples, channels]."""
        x = self._builder.op("Transpose", self._decoder.input, perm=[0, 2, 1])
        return self._stages(self._builder, x, self._head + self._tail, batch=1)

    def _stages(self, b: GraphBuilder, x: str, stages: list[Numbered], batch: int) -> str:
        """Write stages, from [batch, samples, channels] to the same at another rate."""
        for number, stage in stages:
            kernel = self._choose(number, stage)(b, stage, batch)
            x = kernel.from_layout(write_residual_blocks(kernel, kernel.to_layout(kernel.upsample(x)), stage))
        return x

    def _audio(self, b: GraphBuilder, x: str, stages: list[Numbered], batch: int) -> str:
        """Write stages and the head, from [batch, samples, channels] to the audio, [batch, samples].

        The head is fp32, because its errors are heard as noise.
        """
        head = BlockedHead(b, self._audio_head, batch)
        if not self._shares_layout(stages):
            return head.write(self._stages(b, x, stages, batch))
        x = self._stages(b, x, stages[:-1], batch)
        _, last = stages[-1]
        kernel = NCHWc(b, last, batch)
        return head.write_blocked(write_residual_blocks(kernel, kernel.to_layout(kernel.upsample(x)), last))

    def _shares_layout(self, stages: list[Numbered]) -> bool:
        """Return whether the last stage and the head are in one layout: the stage that computes samples is always fp32."""
        return bool(stages) and (self._audio_head.hop == 1 or self._choose(*stages[-1]) is NCHWc)

    def _loop(self, x: str) -> str:
        """Write the loop over chunks of `x`, [1, samples, channels], and return the audio, [samples]."""
        b, batch, field = self._builder, self._chunking.batch, overlap(self._decoder)
        rate = math.prod(stage.upsampler.rate for _, stage in self._tail) * self._audio_head.hop
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
        y = self._audio(b, b.op("Concat", *slices, axis=0), self._tail, batch)
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


def _with_divisors_folded(decoder: Decoder) -> tuple[tuple[Stage, ...], Head]:
    """Return the stages and the head with weights divided by the divisor of the stage before.

    Only activations lie between, which scale with their input: leaky ReLU of x / 3 is a third of leaky ReLU of x. The head's
    residual convolutions see the larger values, too: only their biases grow.
    """
    stages, divisor = [], np.float32(1)
    for stage in decoder.stages:
        upsampler = replace(stage.upsampler, weight=stage.upsampler.weight / divisor, input_scale=float(divisor))
        stages.append(replace(stage, upsampler=upsampler))
        divisor = np.float32(stage.divisor)
    head = decoder.head
    residuals = tuple(replace(conv, bias=None if conv.bias is None else conv.bias * divisor) for conv in head.residuals)
    return tuple(stages), replace(head, residuals=residuals, last=replace(head.last, weight=head.last.weight / divisor))


def _ceil_div(b: GraphBuilder, value: str, by: str) -> str:
    return b.op("Div", b.op("Sub", b.op("Add", value, by), b.integers(1)), by)
