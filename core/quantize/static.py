"""The recipe `static`: as `dynamic`, with ranges that are known beforehand, from calibration sentences.

The first stages of the decoder even round their convolutions' outputs, which makes them faster. One such stage is not
heard; each one after it is, more than it gains.
"""

from functools import partial
from typing import Any

import onnx

from core.graph.builder import GraphBuilder
from core.graph.decoder import Convolution, Stage
from core.graph.model import save_model
from core.graph.static import Ranges, Static, StaticConvolutions
from core.quantize.calibration import observe, phonemes_of, sentences_for
from core.quantize.parts import (
    cleaned,
    convolutions_at,
    flow_positions,
    integer_stages,
    refuse_fruitless,
    rewrite_decoder_of,
    rewrite_flow_of,
    store_rest_of,
    text_in_bytes,
)
from core.quantize.ranges import affine
from core.recipes import Task


def make(task: Task) -> dict[str, Any]:
    """Returns which sentences it was calibrated on. Raises BadInput for a source that is quantized already, or of which nothing can be."""
    model = cleaned(task)
    flow = flow_positions(model, task)
    refuse_fruitless(model, task, flow)
    in_bytes = text_in_bytes(model, task)
    stages = integer_stages(model, task)
    rounded = [conv.gives for conv in _convolutions(stages[: int(task.params["rounded"])])]
    convolutions = [conv for conv, _ in convolutions_at(model, flow)] + _convolutions(stages)
    tensors = [conv.reads for conv in convolutions] + [stage.upsampler.reads for stage in stages] + rounded
    ranges, calibration = _calibrate(model, task, list(dict.fromkeys(tensors)))
    task.progress("quantizing the flow", 0.7)

    def write(b: GraphBuilder, x: str, conv: Convolution, padding: int) -> str:
        return StaticConvolutions(b, ranges).convolve(x, conv, padding)

    rewrite_flow_of(model, task, flow, write)
    task.progress("quantizing the decoder", 0.8)
    model = rewrite_decoder_of(model, task, partial(Static, ranges, rounded))
    task.progress("storing the rest", 0.95)
    store_rest_of(model, task, in_bytes)
    save_model(model, task.target)
    return {"calibration": calibration}


def _calibrate(model: onnx.ModelProto, task: Task, tensors: list[str]) -> tuple[Ranges, str]:
    sentences = sentences_for(task.language, task.calibration)
    count = len(sentences.sentences)
    task.tell(f"calibrated on {count} sentences ({sentences.name})")
    values = observe(
        model,
        tensors,
        task.config,
        phonemes_of(task.config, sentences.sentences),
        lambda number: task.progress(f"calibrating, sentence {number} of {count}", 0.1 + 0.4 * number / count),
    )
    task.progress("finding the ranges", 0.5)
    return {name: affine(seen, str(task.params["clip"])) for name, seen in values.items()}, sentences.name


def _convolutions(stages: list[Stage]) -> list[Convolution]:
    return [conv for stage in stages for block in stage.blocks for step in block for conv in step]
