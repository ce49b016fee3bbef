"""The steps that recipes share, each on one part of a voice; a part that is not recognised is left as it is, and said."""

from collections.abc import Callable
from typing import TypeVar

import onnx

from core.errors import InvalidInput
from core.graph.constant_folding import fold_constants
from core.graph.errors import UnsupportedGraph
from core.graph.subgraph import Piece
from core.quantize.kernels.weight_storage import store_as_bytes, store_as_half
from core.quantize.source import refuse_quantized
from core.rewrite.attention import rewrite_attentions
from core.rewrite.chunked_decoder import Windows, rewrite_decoder
from core.rewrite.equivalence import piece_difference
from core.rewrite.inplace_convolutions import Write, rewrite_convolutions
from core.rewrite.nchwc import Blocked
from core.rewrite.single_batch import fix_batch
from core.rewrite.spline import rewrite_splines
from core.rewrite.stage import MakeArithmetic
from core.variants.recipes import Task
from core.vits.convolution import Convolution, plain_convolution
from core.vits.coupling import inner_convolutions
from core.vits.hifigan import Stage
from core.vits.split import find_seam, mark
from core.vits.voice_graph import VoiceGraph

# Below, a convolution in int8 is no faster than in fp32: what leads to the product costs as much as it saves.
_FEWEST_CHANNELS = 48

# Of values in the order of 5, through divisions whose divisors may be small.
_SPLINE_TOLERANCE = 1e-3
# Of averages of values in the order of 1.
_ATTENTION_TOLERANCE = 1e-5

Rewrite = Callable[[onnx.ModelProto], tuple[onnx.ModelProto, list[Piece]]]
T = TypeVar("T")


def cleaned(task: Task) -> VoiceGraph:
    """The voice with constants folded, attentions and splines rewritten: the same function of far fewer operators.

    Raises BadInput for a source that is quantized already.
    """
    task.progress("folding constants", 0.0)
    refuse_quantized(task.source)
    folded = fold_constants(task.source)
    made = _rewritten(folded, task, "attention", rewrite_attentions, _ATTENTION_TOLERANCE)
    made = _rewritten(made, task, "spline", rewrite_splines, _SPLINE_TOLERANCE)
    voice = VoiceGraph(made)
    # Once flow and decoder are rewritten, nobody could tell any more where the voice can be cut in two.
    seam = _unless_unsupported(task, "the variant cannot speak in pieces", lambda: find_seam(voice))
    if seam is not None:
        mark(made, seam)
    task.log(f"{len(folded.graph.node)} operators became {len(made.graph.node)}")
    return voice


def _unless_unsupported(task: Task, consequence: str, work: Callable[[], T]) -> T | None:
    """Return the result of the work; where the graph does not allow it, log the consequence and the reason."""
    try:
        return work()
    except UnsupportedGraph as reason:
        task.log(f"{consequence}: {reason}")
        return None


def _rewritten(model: onnx.ModelProto, task: Task, what: str, rewrite: Rewrite, tolerance: float) -> onnx.ModelProto:
    """The model with some of its pieces rewritten, if each then gives the same."""
    rewritten = _unless_unsupported(task, f"{what} left as it is", lambda: rewrite(model))
    if rewritten is None:
        return model
    made, pieces = rewritten
    difference = max((piece_difference(model, made, piece) for piece in pieces), default=0.0)
    if not difference <= tolerance:
        task.log(f"{what} left as it is: rewritten it differs by {difference:.1e}")
        return model
    return made


def rewrite_decoder_of(voice: VoiceGraph, task: Task, integer: MakeArithmetic = Blocked) -> onnx.ModelProto:
    """The model with its decoder in windows, its first `stages` stages in that arithmetic, the others in fp32."""
    windows = Windows(int(task.params["window"]), int(task.params["rows"]))

    def choose(number: int, stage: Stage) -> MakeArithmetic:
        return integer if _is_integer(number, stage, task) else Blocked

    made = _unless_unsupported(task, "decoder left as it is", lambda: rewrite_decoder(voice, windows, choose))
    if made is None:
        return voice.model
    task.log("decoder rewritten to windows and blocked convolutions")
    return made


def integer_stages(voice: VoiceGraph, task: Task) -> list[Stage]:
    """The decoder's stages that are to be computed in integers."""
    stages = voice.decoder.stages[:-1] if voice.decoder else ()
    return [stage for number, stage in enumerate(stages) if _is_integer(number, stage, task)]


def _is_integer(number: int, stage: Stage, task: Task) -> bool:
    return number < int(task.params.get("stages", 0)) and stage.channels >= _FEWEST_CHANNELS


def flow_positions(voice: VoiceGraph, task: Task) -> set[int]:
    """Where the convolutions inside the flow's couplings stand, and the one behind the flow, the decoder's first."""
    index, topology = voice.index, voice.topology
    if topology is None:
        task.log(f"flow left as it is: {voice.unsupported}")
        return set()
    behind = [position for position in index.readers[topology.decoder_input] if index.nodes[position].op_type == "Conv"]
    return inner_convolutions(index, topology) | set(behind)


def convolutions_at(voice: VoiceGraph, positions: set[int]) -> list[tuple[Convolution, int]]:
    """Those among these nodes that can be rewritten, with their paddings."""
    found = (plain_convolution(voice.index, voice.index.nodes[position]) for position in sorted(positions))
    return [plain for plain in found if plain]


def refuse_fruitless(task: Task, flow: list[tuple[Convolution, int]], stages: list[Stage]) -> None:
    """Raises BadInput for a voice of which neither flow nor decoder could be computed in fewer bits."""
    if not flow and not stages:
        raise InvalidInput(
            f"nothing of {task.source} can be computed in fewer bits (its flow and decoder are not recognised, or not "
            "fp32): start from the voice's original fp32 model"
        )


def rewrite_flow_of(voice: VoiceGraph, task: Task, positions: set[int], write: Write) -> VoiceGraph:
    """Rewrite the convolutions of the flow, which stand at `positions`, in place; the voice given is used up."""
    count = rewrite_convolutions(voice.model.graph, positions, "/flow_integer", write)
    task.log(f"{count} convolutions of the flow rewritten")
    if count:
        fix_batch(voice.model.graph)
    return VoiceGraph(voice.model)


def store_rest_of(model: onnx.ModelProto, task: Task, in_bytes: set[str]) -> None:
    """Keep what is computed in fp32 in fewer bits: these weights in int8, the others in fp16."""
    in_fp16 = {tensor.name for tensor in model.graph.initializer} - in_bytes
    task.log(f"{store_as_half(model.graph, in_fp16)} weights stored in fp16")
    if in_bytes:
        task.log(f"{store_as_bytes(model.graph, in_bytes)} weights stored in 8 bits")


def text_in_bytes(voice: VoiceGraph, task: Task) -> set[str]:
    """The weights to be stored in int8, of a voice that is not rewritten yet.

    They are those of the text encoder's convolutions over time: most of its bytes, and the least harmed by rounding.
    """
    if task.params["text"] != "int8" or voice.topology is None:
        return set()
    nodes = [voice.index.nodes[position] for position in voice.topology.text.positions]
    weights = (voice.index.initializers.get(node.input[1]) for node in nodes if node.op_type == "Conv")
    return {tensor.name for tensor in weights if tensor is not None and len(tensor.dims) == 3 and tensor.dims[2] > 1}
