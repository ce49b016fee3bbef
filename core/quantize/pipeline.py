"""The pipeline that the recipes `dynamic`, `static` and `int4` share."""

from collections.abc import Callable
from dataclasses import dataclass

import onnx

from core.graph.model import save_model
from core.quantize.steps import (
    chunk_decoder,
    convolutions_at,
    flow_positions,
    int8_stages,
    quantize_flow,
    require_quantizable,
    simplify,
)
from core.rewrite.inplace_convolutions import WriteConvolution
from core.rewrite.stage import MakeKernel
from core.variants.recipes import Task
from core.vits.convolution import Convolution
from core.vits.hifigan import Stage
from core.vits.voice_graph import VoiceGraph


@dataclass(frozen=True)
class Targets:
    """A voice before quantization, and what of it can be computed in fewer bits."""

    voice: VoiceGraph
    flow: list[tuple[Convolution, int]]
    """The convolutions of the flow, with their paddings."""
    stages: list[Stage]
    """The stages of the decoder."""


@dataclass(frozen=True)
class Method:
    """How a recipe computes and stores its targets."""

    write_flow: WriteConvolution
    decoder_kernel: MakeKernel
    store: Callable[[onnx.ModelProto], None]
    """Stores the remaining fp32 weights in fewer bits."""
    shares: tuple[float, float, float]
    """The shares of the work that are done before flow, decoder and storing."""


def quantize(task: Task, choose: Callable[[Task, Targets], Method]) -> None:
    """Write a quantized voice with the method that `choose` returns; it may calibrate first.

    Raises InvalidInput for a source that is already quantized, or of which nothing can be quantized.
    """
    voice = simplify(task)
    positions = flow_positions(voice, task)
    targets = Targets(voice, convolutions_at(voice, positions), int8_stages(voice, task))
    require_quantizable(task, targets.flow, targets.stages)
    method = choose(task, targets)
    before_flow, before_decoder, before_storing = method.shares
    task.progress("quantizing the flow", before_flow)
    voice = quantize_flow(voice, task, positions, method.write_flow)
    task.progress("quantizing the decoder", before_decoder)
    model = chunk_decoder(voice, task, method.decoder_kernel)
    task.progress("storing the rest", before_storing)
    method.store(model)
    save_model(model, task.target)
