"""The recipe `static`: like `dynamic`, but with ranges calibrated on sentences.

The first stages of the decoder also requantize the outputs of their convolutions, which is faster. Each such
stage after the first costs more quality than it gains speed.
"""

from functools import partial
from typing import Any

from core.graph.builder import GraphBuilder
from core.quantize.calibration import calibration_sentences, collect_values
from core.quantize.kernels.static_int8 import Ranges, StaticConvolutions, StaticInt8
from core.quantize.pipeline import Method, Targets, quantize
from core.quantize.ranges import fit_range
from core.quantize.steps import compress_remaining, text_weights_for_int8
from core.variants.recipes import Task
from core.vits.convolution import Convolution
from core.vits.hifigan import Stage
from core.voices.spoken_sentences import SpokenSentences


def make(task: Task) -> dict[str, Any]:
    """Write the variant, and return the name of its calibration sentences.

    Raises InvalidInput for a source that is already quantized or cannot be quantized.
    """
    calibration = calibration_sentences(task.config, task.language, task.calibration)
    quantize(task, partial(_method, calibration))
    return {"calibration": calibration.name}


def _method(calibration: SpokenSentences, task: Task, targets: Targets) -> Method:
    in_int8, stages = text_weights_for_int8(targets.voice, task), targets.stages
    requantized = [conv.output for conv in _convolutions(stages[: int(task.params["rounded"])])]
    convolutions = [conv for conv, _ in targets.flow] + _convolutions(stages)
    tensors = [conv.input for conv in convolutions] + [stage.upsampler.input for stage in stages] + requantized
    ranges = _calibrate(task, targets, calibration, list(dict.fromkeys(tensors)))

    def write(b: GraphBuilder, x: str, conv: Convolution, padding: int) -> str:
        return StaticConvolutions(b, ranges).convolve(x, conv, padding)

    return Method(
        write_flow=write,
        decoder_kernel=partial(StaticInt8, ranges, requantized),
        store=lambda model: compress_remaining(model, task, in_int8),
        shares=(0.7, 0.8, 0.95),
    )


def _calibrate(task: Task, targets: Targets, calibration: SpokenSentences, tensors: list[str]) -> Ranges:
    """Return the ranges of the tensors while the voice speaks the sentences."""
    count = len(calibration.sentences)
    task.log(f"calibrated on {count} sentences ({calibration.label})")
    values = collect_values(
        targets.voice.model,
        tensors,
        task.config,
        [sentence.ids(task.config) for sentence in calibration.sentences],
        lambda number: task.progress(f"calibrating, sentence {number} of {count}", 0.1 + 0.4 * number / count),
    )
    task.progress("computing the ranges", 0.5)
    return {name: fit_range(seen, str(task.params["clip"])) for name, seen in values.items()}


def _convolutions(stages: list[Stage]) -> list[Convolution]:
    return [conv for stage in stages for block in stage.blocks for step in block for conv in step]
