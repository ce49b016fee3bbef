"""The recipe `prune`: like `dynamic`, without those residual blocks of the decoder that are heard least for their time.

What remains is fitted to the original decoder by nonlinear least squares on the voice's own sentences. No network is trained.
The last stage is fitted once more on what the stages before it compute in int8.
"""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx

from core.errors import InvalidInput
from core.graph.model import save_model
from core.hardware.detection import usable_cores
from core.prune.audible_error import AudibleError
from core.prune.decoder_network import LastStages
from core.prune.gauss_newton import Example, LeastSquares
from core.prune.selection import drop_blocks, most_blocks
from core.quantize.calibration import calibration_sentences
from core.quantize.decoder_examples import Excerpt, collect_excerpts
from core.quantize.kernels.dynamic_int8 import DynamicInt8, convolve_standalone
from core.quantize.steps import (
    chunk_decoder,
    compress_remaining,
    convolutions_at,
    flow_positions,
    int8_stages,
    kernel_choice,
    quantize_flow,
    require_quantizable,
    simplify,
    text_weights_for_int8,
)
from core.rewrite.chunked_decoder import append_stages
from core.rewrite.nchwc import NCHWc
from core.seed import SEED
from core.variants.recipes import Task
from core.vits.convolution import Convolution
from core.vits.hifigan import Decoder, Stage
from core.vits.voice_graph import VoiceGraph
from core.voices.spoken_sentences import Sentence

# The time of a tap, and of a convolution without taps: as measured, relative to a tap in fp32 of as many channels.
_FP32, _INT8 = (1.0, 3.0), (0.55, 2.8)
# Iterations of conjugate gradients in each round.
_ITERATIONS = 8
# Samples of audio for each weight that is fitted, and the limits of the excerpts in a round.
_SAMPLES_PER_WEIGHT, _EXCERPTS = 1.5, (2, 16)
# Excerpts on which it is chosen what is dropped.
_TO_CHOOSE = 4
# New utterances for each round.
_UTTERANCES = 6
# Rounds for the last stage, as a share of those for all.
_LAST_ROUNDS = 0.5


def make(task: Task) -> dict[str, Any]:
    """Write the variant, and return the name of the sentences that it was fitted on. Raises InvalidInput."""
    calibration = calibration_sentences(task.config, task.language, task.calibration)
    voice = simplify(task)
    positions = flow_positions(voice, task)
    require_quantizable(task, convolutions_at(voice, positions), int8_stages(voice, task))
    tail = _prunable(task, voice)
    in_int8 = text_weights_for_int8(voice, task)
    voice = quantize_flow(voice, task, positions, convolve_standalone)
    task.log(f"fitted on sentences of {calibration.label}")
    with _threads() as pool:
        student = _Fit(task, voice, calibration.sentences, pool).run(tail)
    task.progress("rewriting the decoder", 0.95)
    model = chunk_decoder(voice, task, DynamicInt8, student)
    compress_remaining(model, task, in_int8)
    save_model(model, task.target)
    return {"calibration": calibration.name}


def _prunable(task: Task, voice: VoiceGraph) -> LastStages:
    """Return the stages of the decoder that blocks are dropped from: all but the first, which takes little time.

    Raises InvalidInput.
    """
    if voice.decoder is None:
        raise InvalidInput(
            f"the decoder of {task.source} cannot be pruned ({voice.unsupported_decoder}): use another recipe"
        )
    tail = LastStages(voice.decoder, min(1, len(voice.decoder.stages) - 1))
    count, most = int(task.params["blocks"]), most_blocks(tail)
    if count > most:
        raise InvalidInput(
            f"{task.source} has only {most} residual blocks that can be dropped, not {count}: give --param blocks={most} or less"
        )
    return tail


class _Fit:
    """Pruning and fitting the decoder of one voice, whose flow is quantized already."""

    def __init__(self, task: Task, voice: VoiceGraph, sentences: Sequence[Sentence], pool: ThreadPoolExecutor) -> None:
        self._task, self._voice, self._sentences, self._pool = task, voice, sentences, pool
        self._choose = kernel_choice(task, DynamicInt8)
        self._random = np.random.default_rng(SEED)

    def run(self, tail: LastStages) -> Decoder:
        """Return the pruned decoder."""
        rounds = int(self._task.params["rounds"])
        excerpts = self._excerpts(tail, rounds, 0.1)
        pruned = self._pruned(tail, excerpts)
        student = self._fitted(pruned, excerpts, rounds, (0.2, 0.75))
        in_fp32 = next(
            number
            for number, stage in enumerate(student.stages)
            if number == len(student.stages) - 1 or self._choose(number, stage) is NCHWc
        )
        if in_fp32 <= tail.first:
            return student
        rest, rounds = LastStages(student, in_fp32), math.ceil(rounds * _LAST_ROUNDS)
        return self._fitted(rest, self._excerpts(rest, rounds, 0.75), rounds, (0.85, 0.95))

    def _excerpts(self, tail: LastStages, rounds: int, share: float) -> list[Excerpt]:
        """Return the input of these stages, as those before them compute it, with the audio of the voice's own decoder."""
        model, decoder = onnx.ModelProto(), tail.decoder
        model.CopyFrom(self._voice.model)
        x = append_stages(model, decoder, tail.first, self._choose) if tail.first else decoder.input

        def report(number: int, count: int) -> None:
            self._task.progress(f"collecting examples, utterance {number} of {count}", share + 0.1 * number / count)

        count, tensors = rounds * _UTTERANCES, (x, decoder.output)
        return collect_excerpts(model, tensors, self._task.config, self._sentences, count, report)

    def _pruned(self, tail: LastStages, excerpts: Sequence[Excerpt]) -> LastStages:
        """Return the stages without the blocks that are heard least for their time."""
        self._task.progress("choosing what is dropped", 0.2)
        examples = self._draw(tail, excerpts)[:_TO_CHOOSE]

        def error(candidate: LastStages) -> float:
            return LeastSquares(candidate.network(), examples, self._pool).value(candidate.parameters())

        pruned = drop_blocks(tail, int(self._task.params["blocks"]), error, self._time)
        for number, (before, after) in enumerate(zip(tail.stages, pruned.stages, strict=True), tail.first + 1):
            kept, all_of_it = (_convolutions(stage) for stage in (after, before))
            taps = ", ".join(str(conv.taps) for conv in kept)
            self._task.log(f"stage {number} keeps {len(kept)} of {len(all_of_it)} convolutions: {taps} taps")
        return pruned

    def _time(self, decoder: Decoder, number: int, block: int) -> float:
        """Return the relative time that a residual block takes for a sample of the audio."""
        stage = decoder.stages[number]
        a_tap, a_convolution = _FP32 if self._choose(number, stage) is NCHWc else _INT8
        convolutions = [conv for step in stage.blocks[block] for conv in step]
        products = stage.channels**2 / LastStages(decoder, number + 1).hop
        return products * sum(a_tap * conv.taps + a_convolution for conv in convolutions)

    def _fitted(
        self, tail: LastStages, excerpts: Sequence[Excerpt], rounds: int, shares: tuple[float, float]
    ) -> Decoder:
        """Return the decoder with the weights of these stages fitted."""
        network, parameters = tail.network(), tail.parameters()
        begin, end = shares
        for number in range(rounds):
            what = f"fitting {_numbers(tail)}, round {number + 1} of {rounds}"
            self._task.progress(what, begin + (end - begin) * number / rounds)
            problem = LeastSquares(network, self._draw(tail, excerpts), self._pool)
            parameters, factor = problem.step(parameters, _ITERATIONS, self._random)
            self._task.log(f"{what}: audible error reduced by {10 * math.log10(factor):.1f} dB")
        return tail.with_parameters(parameters).decoder

    def _draw(self, tail: LastStages, excerpts: Sequence[Excerpt]) -> list[Example]:
        """Return as many excerpts as the number of weights asks for."""
        weights = sum(part.size for part in tail.parameters())
        fewest, most = _EXCERPTS
        count = min(max(fewest, math.ceil(weights * _SAMPLES_PER_WEIGHT / len(excerpts[0].audio))), most, len(excerpts))
        edge = tail.overlap * tail.hop
        chosen = self._random.choice(len(excerpts), count, replace=False)
        return [
            Example(excerpt.x.astype(np.float32), excerpt.audio, AudibleError(excerpt.audio, edge))
            for excerpt in (excerpts[number] for number in chosen)
        ]


def _numbers(tail: LastStages) -> str:
    last = len(tail.decoder.stages)
    return f"stages {tail.first + 1} to {last}" if tail.first + 1 < last else f"stage {last}"


def _convolutions(stage: Stage) -> list[Convolution]:
    return [conv for block in stage.blocks for step in block for conv in step]


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    """Open a pool with one thread for each core. BLAS has one thread in each: its own wait for each other busily."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(usable_cores()) as pool:
        yield pool
