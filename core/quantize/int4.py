"""The recipe `int4`: the smallest file that still speaks, experimental.

- Flow: the convolutions inside its couplings in 4 bits with a scale for each block of weights, rounded by GPTQ on the
  activations of random phonemes; computed in fp32.
- Decoder: as in the recipe `dynamic`.
- Durations: stored in fp16.
- Text encoder and the rest: stored in 8 bits with a scale for each block; 4 bits would break the durations of sounds.
"""

from typing import Any

import onnx

from core.graph.builder import GraphBuilder
from core.graph.index import inputs_of
from core.quantize.gptq import Matrix, gptq
from core.quantize.hessians import collect_hessians
from core.quantize.kernels.dynamic_int8 import DynamicInt8
from core.quantize.kernels.int4_blocks import MAX_WEIGHT, convolve
from core.quantize.kernels.weight_storage import drop_node_names, store_as_fp16, store_as_int8
from core.quantize.pipeline import Method, Targets, quantize
from core.rewrite.channels_last import as_matrix
from core.rewrite.inplace_convolutions import WriteConvolution
from core.variants.recipes import Task
from core.vits.convolution import Convolution
from core.vits.voice_graph import VoiceGraph
from core.voices.phonemes import random_phonemes

LENGTHS = range(20, 120, 8)
"""The phonemes of each utterance that weights are rounded for."""


def make(task: Task) -> dict[str, Any]:
    """Write the variant. Raises InvalidInput for a source that is already quantized or cannot be quantized."""
    quantize(task, _method)
    return {}


def _method(task: Task, targets: Targets) -> Method:
    in_fp16 = _duration_weights(targets.voice)
    hessians = _hessians(targets.voice.model, task, targets.flow)

    def store(model: onnx.ModelProto) -> None:
        task.log(f"{store_as_fp16(model.graph, in_fp16)} weights of the durations stored in fp16")
        task.log(f"{store_as_int8(model.graph)} other weights stored in 8 bits")
        drop_node_names(model.graph)

    return Method(write_flow=_writer(task, hessians), decoder_kernel=DynamicInt8, store=store, shares=(0.6, 0.9, 0.95))


def _duration_weights(voice: VoiceGraph) -> set[str]:
    """Return the weights of the duration predictor, or all if it is not recognized."""
    if voice.topology is None:
        return set(voice.index.consumers)
    nodes = [voice.index.nodes[position] for position in voice.topology.duration.positions]
    return {name for node in nodes for name in inputs_of(node)}


def _hessians(model: onnx.ModelProto, task: Task, flow: list[tuple[Convolution, int]]) -> dict[str, Matrix]:
    def report(number: int) -> None:
        task.progress(f"running random phonemes, {number} of {len(LENGTHS)}", 0.1 + 0.5 * (number - 1) / len(LENGTHS))

    return collect_hessians(model, task.config, random_phonemes(task.config, LENGTHS), flow, report)


def _writer(task: Task, hessians: dict[str, Matrix]) -> WriteConvolution:
    block, written = int(task.params["block"]), iter(range(len(hessians)))

    def write(b: GraphBuilder, x: str, conv: Convolution, padding: int) -> str:
        task.progress("rounding the flow to 4 bits", 0.6 + 0.3 * next(written) / len(hessians))
        matrix = as_matrix(conv.weight).T
        integers, scales = gptq(matrix, hessians[conv.output], MAX_WEIGHT, block)
        return convolve(b, x, conv, padding, integers, scales, block)

    return write
