"""What the recipes `dynamic`, `static` and `int4` have in common: which parts are quantized, and in which order."""

from collections.abc import Callable
from dataclasses import dataclass

import onnx

from core.graph.model import save_model
from core.quantize.steps import (
    cleaned,
    convolutions_at,
    flow_positions,
    integer_stages,
    refuse_fruitless,
    rewrite_decoder_of,
    rewrite_flow_of,
)
from core.rewrite.inplace_convolutions import Write
from core.rewrite.stage import MakeArithmetic
from core.variants.recipes import Task
from core.vits.convolution import Convolution
from core.vits.hifigan import Stage
from core.vits.voice_graph import VoiceGraph


@dataclass(frozen=True)
class Targets:
    """A voice before it is quantized, and what of it can be computed in fewer bits."""

    voice: VoiceGraph
    flow: list[tuple[Convolution, int]]
    """The convolutions of the flow, with their paddings."""
    stages: list[Stage]
    """The stages of the decoder."""


@dataclass(frozen=True)
class Method:
    """How a recipe computes and stores what it quantizes."""

    write_flow: Write
    decoder: MakeArithmetic
    store: Callable[[onnx.ModelProto], None]
    """Store the weights that are still in fp32 in fewer bits."""
    shares: tuple[float, float, float]
    """The shares of the work that are done before flow, decoder and storing."""


def quantize(task: Task, choose: Callable[[Task, Targets], Method]) -> None:
    """Write a quantized voice. `choose` may take its time: it calibrates.

    Raises BadInput for a source that is quantized already, or of which nothing can be.
    """
    voice = cleaned(task)
    positions = flow_positions(voice, task)
    targets = Targets(voice, convolutions_at(voice, positions), integer_stages(voice, task))
    refuse_fruitless(task, targets.flow, targets.stages)
    method = choose(task, targets)
    before_flow, before_decoder, before_storing = method.shares
    task.progress("quantizing the flow", before_flow)
    voice = rewrite_flow_of(voice, task, positions, method.write_flow)
    task.progress("quantizing the decoder", before_decoder)
    model = rewrite_decoder_of(voice, task, method.decoder)
    task.progress("storing the rest", before_storing)
    method.store(model)
    save_model(model, task.target)
