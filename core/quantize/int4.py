"""The recipe `int4`: the smallest file that still speaks, experimental.

- Flow: the convolutions inside its couplings in 4 bits, a scale for each block of weights, rounded by GPTQ on what random
  phonemes bring forth; computed in fp32.
- Decoder: as in the recipe `dynamic`.
- Durations: fp16.
- Text encoder, and the rest: 8 bits, a scale for each block; in 4 it would no longer know how long a sound lasts.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from core.graph.builder import GraphBuilder
from core.graph.index import inputs_of
from core.quantize.calibration import run
from core.quantize.gptq import Matrix, gptq
from core.quantize.kernels.dynamic_int8 import Dynamic
from core.quantize.kernels.int4_blocks import LARGEST, convolve
from core.quantize.kernels.weight_storage import drop_node_names, store_as_bytes, store_as_half
from core.quantize.pipeline import Method, Targets, quantize
from core.rewrite.channels_last import as_matrix
from core.rewrite.inplace_convolutions import Write
from core.variants.recipes import Task
from core.vits.convolution import Convolution
from core.vits.voice_graph import VoiceGraph
from core.voices.phonemes import random_phonemes

# Phonemes of each utterance.
_LENGTHS = range(20, 120, 8)


def make(task: Task) -> dict[str, Any]:
    """Write the variant. Raises BadInput for a source that is quantized already, or of which nothing can be."""
    quantize(task, _method)
    return {}


def _method(task: Task, targets: Targets) -> Method:
    in_fp16 = _duration_weights(targets.voice)
    moments = _moments(targets.voice.model, task, targets.flow)

    def store(model: onnx.ModelProto) -> None:
        task.log(f"{store_as_half(model.graph, in_fp16)} weights of the durations stored in fp16")
        task.log(f"{store_as_bytes(model.graph)} other weights stored in 8 bits")
        drop_node_names(model.graph)

    return Method(write_flow=_writer(task, moments), decoder=Dynamic, store=store, shares=(0.6, 0.9, 0.95))


def _duration_weights(voice: VoiceGraph) -> set[str]:
    """What the duration predictor reads; where it is not recognised, all that is read."""
    if voice.topology is None:
        return set(voice.index.readers)
    nodes = [voice.index.nodes[position] for position in voice.topology.duration.positions]
    return {name for node in nodes for name in inputs_of(node)}


def _moments(model: onnx.ModelProto, task: Task, flow: list[tuple[Convolution, int]]) -> dict[str, Matrix]:
    """The sum of the outer products of what each convolution sees, its taps side by side."""
    moments = {conv.gives: np.zeros(()) for conv, _ in flow}
    reads = list(dict.fromkeys(conv.reads for conv, _ in flow))
    for number, seen in enumerate(run(model, reads, task.config, random_phonemes(task.config, _LENGTHS))):
        task.progress(
            f"listening to random phonemes, {number + 1} of {len(_LENGTHS)}", 0.1 + 0.5 * number / len(_LENGTHS)
        )
        for conv, padding in flow:
            unfolded = _unfolded(seen[conv.reads][0].T, conv, padding).astype(np.float64)
            moments[conv.gives] = moments[conv.gives] + unfolded.T @ unfolded
    return moments


def _unfolded(x: npt.NDArray[np.float32], conv: Convolution, padding: int) -> Any:
    """[samples, in] as [samples', taps * in]."""
    taps, reach = conv.weight.shape[2], conv.dilation * (conv.weight.shape[2] - 1)
    padded = np.pad(x, ((padding, padding), (0, 0)))
    samples = len(padded) - reach
    return np.concatenate([padded[tap * conv.dilation :][:samples] for tap in range(taps)], axis=1)


def _writer(task: Task, moments: dict[str, Matrix]) -> Write:
    block, written = int(task.params["block"]), iter(range(len(moments)))

    def write(b: GraphBuilder, x: str, conv: Convolution, padding: int) -> str:
        task.progress("rounding the flow to 4 bits", 0.6 + 0.3 * next(written) / len(moments))
        matrix = as_matrix(conv.weight).T
        integers, scales = gptq(matrix, moments[conv.gives], LARGEST, block)
        return convolve(b, x, conv, padding, integers, scales, block)

    return write
