"""The recipe `coreml`: flow and decoder as an ML Program, and the front for ONNX Runtime, stored in fp16 as the program.

It is made wherever coremltools is installed; only a Mac can run it.
"""

from typing import Any

from core.coreml.layout import FRONT, PACKAGE, UNROUNDED
from core.coreml.package import Options, make_package
from core.errors import InvalidInput
from core.graph.errors import UnsupportedGraph
from core.graph.model import save_model
from core.quantize.steps import cleaned, store_rest_of
from core.variants.recipes import Task
from core.vits.split import cut


def make(task: Task) -> dict[str, Any]:
    """Write both halves into the folder `task.target`. Raises BadInput for a voice that is quantized or not recognised."""
    voice = cleaned(task)
    try:
        halves = cut(voice.model)
        task.progress("writing the front", 0.3)
        if task.params["precision"] == "fp16":
            store_rest_of(halves.front, task, set())
        save_model(halves.front, task.target / FRONT)
        task.progress("lowering flow and decoder", 0.4)
        options = Options(**{name: str(value) for name, value in task.params.items()})
        make_package(halves, options, task.target / PACKAGE, task.target / UNROUNDED)
    except UnsupportedGraph as reason:
        raise InvalidInput(f"{task.source} cannot be converted: {reason}") from reason
    task.log(f"the front has {len(halves.front.graph.node)} operators, flow and decoder {len(halves.body.graph.node)}")
    return {}
