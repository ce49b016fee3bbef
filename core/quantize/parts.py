"""The steps that recipes share, each on one part of a voice; a part that is not recognised is left as it is, and said."""

import onnx

from core.graph.anatomy import NotRecognised, dissect
from core.graph.blocked import Blocked
from core.graph.convolutions import Write, rewrite_convolutions
from core.graph.decoder import Stage
from core.graph.flow import inner_convolutions
from core.graph.stages import MakeArithmetic
from core.graph.windowed import Windows, rewrite_decoder
from core.quantize.recipes import Task

# Below, a convolution in int8 is no faster than in fp32: what leads to the product costs as much as it saves.
_FEWEST_CHANNELS = 48


def rewrite_decoder_of(model: onnx.ModelProto, task: Task, integer: MakeArithmetic = Blocked) -> onnx.ModelProto:
    """The model with its decoder in windows, its first `stages` stages in that arithmetic, the others in fp32."""
    windows = Windows(int(task.params["window"]), int(task.params["rows"]))
    wanted = int(task.params.get("stages", 0))

    def choose(number: int, stage: Stage) -> MakeArithmetic:
        return integer if number < wanted and stage.channels >= _FEWEST_CHANNELS else Blocked

    try:
        made = rewrite_decoder(model, windows, choose)
    except NotRecognised as reason:
        task.tell(f"decoder left as it is: {reason}")
        return model
    task.tell(f"decoder rewritten to windows, {wanted} of its stages in int8" if wanted else "decoder rewritten")
    return made


def rewrite_flow_of(model: onnx.ModelProto, task: Task, write: Write) -> None:
    """Rewrite the convolutions inside the flow's couplings."""
    try:
        positions = inner_convolutions(model, dissect(model))
    except NotRecognised as reason:
        task.tell(f"flow left as it is: {reason}")
        return
    count = rewrite_convolutions(model.graph, positions, "/flow_int8", write)
    task.tell(f"{count} convolutions of the flow rewritten")
