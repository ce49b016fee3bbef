"""The recipe `coreml`: the decoder half as an ML Program, and the encoder half for ONNX Runtime.

It runs wherever coremltools is installed; only a Mac can run the variant.
"""

from typing import Any

from core.coreml.layout import FRONT, PACKAGE, UNROUNDED
from core.coreml.package import PackageOptions, save_package
from core.errors import InvalidInput
from core.graph.errors import UnsupportedGraph
from core.graph.model import save_model
from core.quantize.steps import compress_remaining, simplify
from core.variants.recipes import Task
from core.vits.split import split_model


def make(task: Task) -> dict[str, Any]:
    """Write both halves into the folder `task.target`. Raises InvalidInput for a voice that is quantized or not recognized."""
    voice = simplify(task)
    try:
        halves = split_model(voice.model)
        task.progress("writing the encoder half", 0.3)
        if task.params["precision"] == "fp16":
            compress_remaining(halves.encoder, task, set())
        save_model(halves.encoder, task.target / FRONT)
        task.progress("lowering flow and decoder", 0.4)
        options = PackageOptions(**{name: str(value) for name, value in task.params.items()})
        save_package(halves, options, task.target / PACKAGE, task.target / UNROUNDED)
    except UnsupportedGraph as reason:
        raise InvalidInput(f"{task.source} cannot be converted: {reason}") from reason
    encoder, decoder = len(halves.encoder.graph.node), len(halves.decoder.graph.node)
    task.log(f"the encoder half has {encoder} operators, flow and decoder have {decoder}")
    return {}
