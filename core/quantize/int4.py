"""The recipe `int4`: the smallest file that still speaks, experimental.

- Flow: the convolutions inside its couplings in 4 bits, a scale for each block of weights, rounded by GPTQ on what random
  phonemes bring forth; computed in fp32.
- Decoder: as in the recipe `dynamic`.
- Durations: fp16.
- Text encoder, and the rest: 8 bits, a scale for each block; in 4 it would no longer know how long a sound lasts.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

from core.graph.anatomy import NotRecognised, dissect
from core.graph.blocks4 import LARGEST, convolve
from core.graph.builder import GraphBuilder
from core.graph.decoder import Convolution
from core.graph.dynamic import Dynamic
from core.graph.index import GraphIndex, inputs_of
from core.graph.model import save_model
from core.graph.storage import drop_node_names, store_as_bytes, store_as_half
from core.graph.time_major import as_matrix
from core.phonemes import random_phonemes
from core.quantize.calibration import run
from core.quantize.gptq import Matrix, gptq
from core.quantize.parts import (
    cleaned,
    convolutions_at,
    flow_positions,
    refuse_fruitless,
    rewrite_decoder_of,
    rewrite_flow_of,
)
from core.recipes import Task

# Phonemes of each utterance.
_LENGTHS = range(20, 120, 8)


def make(task: Task) -> dict[str, Any]:
    """Raises BadInput for a source that is quantized already, or of which nothing can be."""
    model = cleaned(task)
    flow = flow_positions(model, task)
    refuse_fruitless(model, task, flow)
    in_fp16 = _duration_weights(model)
    moments = _moments(model, task, convolutions_at(model, flow))
    rewrite_flow_of(model, task, flow, _writer(task, moments))
    task.progress("quantizing the decoder", 0.9)
    model = rewrite_decoder_of(model, task, Dynamic)
    task.progress("storing the rest in fewer bits", 0.95)
    task.tell(f"{store_as_half(model.graph, in_fp16)} weights of the durations stored in fp16")
    task.tell(f"{store_as_bytes(model.graph)} other weights stored in 8 bits")
    drop_node_names(model.graph)
    save_model(model, task.target)
    return {}


def _duration_weights(model: onnx.ModelProto) -> set[str]:
    """What the duration predictor reads; where it is not recognised, all that is read."""
    index = GraphIndex(model.graph)
    try:
        positions = dissect(model).part("duration").positions
    except NotRecognised:
        return set(index.readers)
    return {name for position in positions for name in inputs_of(index.nodes[position])}


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


def _unfolded(x: "np.ndarray[Any, np.dtype[np.float32]]", conv: Convolution, padding: int) -> Any:
    """[samples, in] as [samples', taps * in]."""
    taps, reach = conv.weight.shape[2], conv.dilation * (conv.weight.shape[2] - 1)
    padded = np.pad(x, ((padding, padding), (0, 0)))
    samples = len(padded) - reach
    return np.concatenate([padded[tap * conv.dilation :][:samples] for tap in range(taps)], axis=1)


def _writer(task: Task, moments: dict[str, Matrix]) -> Callable[[GraphBuilder, str, Convolution, int], str]:
    block, written = int(task.params["block"]), iter(range(len(moments)))

    def write(b: GraphBuilder, x: str, conv: Convolution, padding: int) -> str:
        task.progress("rounding the flow to 4 bits", 0.6 + 0.3 * next(written) / len(moments))
        matrix = as_matrix(conv.weight).T
        integers, scales = gptq(matrix, moments[conv.gives], LARGEST, block)
        return convolve(b, x, conv, padding, integers, scales, block)

    return write
