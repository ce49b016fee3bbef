"""The recipe `static`: as `dynamic`, with ranges that are known beforehand, from calibration sentences.

The first stages of the decoder even round their convolutions' outputs, which makes them faster. One such stage is not
heard; each one after it is, more than it gains.
"""

from functools import partial
from typing import Any

from core.graph.builder import GraphBuilder
from core.quantize.calibration import Sentences, observe, phonemes_of, sentences_for
from core.quantize.kernels.static_int8 import Ranges, Static, StaticConvolutions
from core.quantize.pipeline import Method, Targets, quantize
from core.quantize.ranges import affine
from core.quantize.steps import store_rest_of, text_in_bytes
from core.variants.recipes import Task
from core.vits.convolution import Convolution
from core.vits.hifigan import Stage


def make(task: Task) -> dict[str, Any]:
    """Write the variant, and return the name of the sentences it was calibrated on.

    Raises BadInput for a source that is quantized already, or of which nothing can be.
    """
    sentences = sentences_for(task.language, task.calibration)
    quantize(task, partial(_method, sentences))
    return {"calibration": sentences.name}


def _method(sentences: Sentences, task: Task, targets: Targets) -> Method:
    in_bytes, stages = text_in_bytes(targets.voice, task), targets.stages
    rounded = [conv.gives for conv in _convolutions(stages[: int(task.params["rounded"])])]
    convolutions = [conv for conv, _ in targets.flow] + _convolutions(stages)
    tensors = [conv.reads for conv in convolutions] + [stage.upsampler.reads for stage in stages] + rounded
    ranges = _calibrated(task, targets, sentences, list(dict.fromkeys(tensors)))

    def write(b: GraphBuilder, x: str, conv: Convolution, padding: int) -> str:
        return StaticConvolutions(b, ranges).convolve(x, conv, padding)

    return Method(
        write_flow=write,
        decoder=partial(Static, ranges, rounded),
        store=lambda model: store_rest_of(model, task, in_bytes),
        shares=(0.7, 0.8, 0.95),
    )


def _calibrated(task: Task, targets: Targets, sentences: Sentences, tensors: list[str]) -> Ranges:
    """The ranges of the tensors while the voice says the sentences."""
    count = len(sentences.sentences)
    task.log(f"calibrated on {count} sentences ({sentences.name})")
    values = observe(
        targets.voice.model,
        tensors,
        task.config,
        phonemes_of(task.config, sentences.sentences),
        lambda number: task.progress(f"calibrating, sentence {number} of {count}", 0.1 + 0.4 * number / count),
    )
    task.progress("finding the ranges", 0.5)
    return {name: affine(seen, str(task.params["clip"])) for name, seen in values.items()}


def _convolutions(stages: list[Stage]) -> list[Convolution]:
    return [conv for stage in stages for block in stage.blocks for step in block for conv in step]
