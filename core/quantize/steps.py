"""The steps that recipes share, one for each component of a voice.

A component with an unexpected structure is left unchanged, and the job's log names the reason.
"""

from collections.abc import Callable
from typing import TypeVar

import onnx

from core.errors import InvalidInput
from core.graph.constant_folding import fold_constants
from core.graph.errors import UnsupportedGraph
from core.graph.subgraph import Subgraph
from core.quantize.kernels.weight_storage import store_as_fp16, store_as_int8
from core.quantize.source import require_unquantized
from core.rewrite.attention import rewrite_attentions
from core.rewrite.chunked_decoder import ChooseKernel, Chunking, rewrite_decoder
from core.rewrite.equivalence import subgraph_difference
from core.rewrite.flow import Flow, convolve, find_flow, rewrite_flow
from core.rewrite.inplace_convolutions import WriteConvolution, rewrite_convolutions
from core.rewrite.nchwc import NCHWc
from core.rewrite.single_batch import fix_batch
from core.rewrite.spline import rewrite_splines
from core.rewrite.stage import MakeKernel
from core.variants.recipes import Task
from core.vits.convolution import Convolution, plain_convolution
from core.vits.coupling import inner_convolutions
from core.vits.hifigan import Decoder, Stage
from core.vits.split import find_split_point, write_split_point
from core.vits.voice_graph import VoiceGraph

# With fewer channels int8 is no faster than fp32: quantizing and unfolding cost as much as the product saves.
MIN_INT8_CHANNELS = 48

# For values of about 5 that went through divisions by possibly small numbers.
_SPLINE_TOLERANCE = 1e-3
# For averages of values of about 1.
_ATTENTION_TOLERANCE = 1e-5
# For values of about 1 that went through several networks.
_FLOW_TOLERANCE = 1e-3

Rewrite = Callable[[onnx.ModelProto], tuple[onnx.ModelProto, list[Subgraph]]]
T = TypeVar("T")


def simplify(task: Task) -> VoiceGraph:
    """Return the voice with constants folded and attentions and splines rewritten: the same function, far fewer operators.

    Raises InvalidInput for a source that is already quantized.
    """
    task.progress("folding constants", 0.0)
    require_unquantized(task.source)
    folded = fold_constants(task.source)
    model = _rewritten(folded, task, "attention", rewrite_attentions, _ATTENTION_TOLERANCE)
    model = _rewritten(model, task, "spline", rewrite_splines, _SPLINE_TOLERANCE)
    voice = VoiceGraph(model)
    # Once flow and decoder are rewritten, the split point cannot be found by structure any more.
    split_point = _unless_unsupported(
        task, "the variant cannot be split for streaming", lambda: find_split_point(voice)
    )
    if split_point is not None:
        write_split_point(model, split_point)
    task.log(f"{len(folded.graph.node)} operators reduced to {len(model.graph.node)}")
    return voice


def _unless_unsupported(task: Task, consequence: str, work: Callable[[], T]) -> T | None:
    """Return the result of the work; if the graph does not support it, log the consequence and the reason."""
    try:
        return work()
    except UnsupportedGraph as reason:
        task.log(f"{consequence}: {reason}")
        return None


def _rewritten(model: onnx.ModelProto, task: Task, what: str, rewrite: Rewrite, tolerance: float) -> onnx.ModelProto:
    """Return the rewritten model if each rewritten subgraph computes the same, else the model as it is."""
    rewriting = _unless_unsupported(task, f"{what} left unchanged", lambda: rewrite(model))
    if rewriting is None:
        return model
    rewritten, subgraphs = rewriting
    difference = max((subgraph_difference(model, rewritten, subgraph) for subgraph in subgraphs), default=0.0)
    if not difference <= tolerance:
        task.log(f"{what} left unchanged: rewritten it differs by {difference:.1e}")
        return model
    return rewritten


def chunk_decoder(
    voice: VoiceGraph, task: Task, int8_kernel: MakeKernel = NCHWc, other: Decoder | None = None
) -> onnx.ModelProto:
    """Return the model with its decoder in chunks, the first `stages` stages with that kernel, the others in fp32.

    An `other` decoder takes the place of the one that it has.
    """
    chunking = Chunking(int(task.params["window"]), int(task.params["rows"]))
    choose = kernel_choice(task, int8_kernel)
    rewritten = _unless_unsupported(
        task, "decoder left unchanged", lambda: rewrite_decoder(voice, chunking, choose, other)
    )
    if rewritten is None:
        return voice.model
    task.log("decoder rewritten into chunks with blocked convolutions")
    return rewritten


def kernel_choice(task: Task, int8_kernel: MakeKernel) -> ChooseKernel:
    """Return the choice of that kernel for the first `stages` stages, and of fp32 for the others."""

    def choose(number: int, stage: Stage) -> MakeKernel:
        return int8_kernel if _is_int8(number, stage, task) else NCHWc

    return choose


def int8_stages(voice: VoiceGraph, task: Task) -> list[Stage]:
    """Return the decoder's stages that are to be computed in int8."""
    stages = voice.decoder.stages[:-1] if voice.decoder else ()
    return [stage for number, stage in enumerate(stages) if _is_int8(number, stage, task)]


def _is_int8(number: int, stage: Stage, task: Task) -> bool:
    return number < int(task.params.get("stages", 0)) and stage.channels >= MIN_INT8_CHANNELS


def flow_positions(voice: VoiceGraph, task: Task) -> set[int]:
    """Return the positions of the convolutions inside the flow's couplings, and of the decoder's first convolution."""
    index, topology = voice.index, voice.topology
    if topology is None:
        task.log(f"flow left unchanged: {voice.unsupported}")
        return set()
    consumers = index.consumers[topology.decoder_input]
    first = [position for position in consumers if index.nodes[position].op_type == "Conv"]
    return inner_convolutions(index, topology) | set(first)


def convolutions_at(voice: VoiceGraph, positions: set[int]) -> list[tuple[Convolution, int]]:
    """Return the plain convolutions among these nodes, with their paddings."""
    found = (plain_convolution(voice.index, voice.index.nodes[position]) for position in sorted(positions))
    return [plain for plain in found if plain]


def require_quantizable(task: Task, flow: list[tuple[Convolution, int]], stages: list[Stage]) -> None:
    """Raise InvalidInput for a voice of which neither flow nor decoder can be computed in fewer bits."""
    if not flow and not stages:
        raise InvalidInput(
            f"nothing of {task.source} can be computed in fewer bits (its flow and decoder are not recognized, or not "
            "fp32): start from the voice's original fp32 model"
        )


def quantize_flow(voice: VoiceGraph, task: Task, positions: set[int], write: WriteConvolution) -> VoiceGraph:
    """Rewrite the convolutions at `positions`, and return the changed graph; `voice` must not be used any more."""
    if not positions:
        return voice
    outputs = {voice.index.nodes[position].output[0] for position in positions}
    flow = _unless_unsupported(task, "layout of the flow left unchanged", lambda: _verified_flow(voice))
    model = voice.model if flow is None else rewrite_flow(voice, flow, write, positions)
    remaining = {position for position, node in enumerate(model.graph.node) if outputs.intersection(node.output)}
    rewrite_convolutions(model.graph, remaining, "/flow_integer", write)
    task.log(f"{len(positions)} convolutions of the flow rewritten")
    fix_batch(model.graph)
    return VoiceGraph(model)


def _verified_flow(voice: VoiceGraph) -> Flow:
    """Return the flow if it computes the same with its channels last. Raises UnsupportedGraph."""
    flow = find_flow(voice)
    rewritten = rewrite_flow(voice, flow, convolve)
    difference = subgraph_difference(voice.model, rewritten, flow.subgraph)
    if not difference <= _FLOW_TOLERANCE:
        raise UnsupportedGraph(f"rewritten it differs by {difference:.1e}")
    return flow


def compress_remaining(model: onnx.ModelProto, task: Task, in_int8: set[str]) -> None:
    """Store fp32 weights in fewer bits: those named in int8, all others in fp16."""
    in_fp16 = {tensor.name for tensor in model.graph.initializer} - in_int8
    task.log(f"{store_as_fp16(model.graph, in_fp16)} weights stored in fp16")
    if in_int8:
        task.log(f"{store_as_int8(model.graph, in_int8)} weights stored in 8 bits")


def text_weights_for_int8(voice: VoiceGraph, task: Task) -> set[str]:
    """Return the weights to be stored in int8, of a voice whose flow and decoder are not rewritten yet.

    They are those of the text encoder's convolutions over time: most of its bytes, and the least affected by rounding.
    """
    if task.params["text"] != "int8" or voice.topology is None:
        return set()
    nodes = [voice.index.nodes[position] for position in voice.topology.text.positions]
    weights = (voice.index.initializers.get(node.input[1]) for node in nodes if node.op_type == "Conv")
    return {tensor.name for tensor in weights if tensor is not None and len(tensor.dims) == 3 and tensor.dims[2] > 1}
