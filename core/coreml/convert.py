"""The recipe `coreml`: the decoder half as an ML Program, and the encoder half for ONNX Runtime.

The decoder is the voice's own, or the student of a distilled variant. The recipe runs wherever coremltools is installed; only
a Mac can run the variant.
"""

from dataclasses import fields
from typing import Any

from core.coreml.layout import FRONT, PACKAGE, UNROUNDED
from core.coreml.package import PackageOptions, save_package
from core.coreml.student_half import halves_to_convert
from core.errors import InvalidInput
from core.files import sha256_of
from core.graph.errors import UnsupportedGraph
from core.graph.model import save_model
from core.quantize.steps import compress_remaining, simplify
from core.variants.converted import FROM_SHA256
from core.variants.recipes import Task


def make(task: Task) -> dict[str, Any]:
    """Write both halves into the folder `task.target`.

    Raises InvalidInput for a voice that is quantized or not recognized, and for a variant without a student.
    """
    voice = simplify(task)
    try:
        halves = halves_to_convert(voice.model, task)
        task.progress("writing the encoder half", 0.3)
        if task.params["precision"] == "fp16":
            compress_remaining(halves.encoder, task, set())
        save_model(halves.encoder, task.target / FRONT)
        task.progress("lowering flow and decoder", 0.4)
        options = PackageOptions(**{field.name: str(task.params[field.name]) for field in fields(PackageOptions)})
        save_package(halves, options, task.target / PACKAGE, task.target / UNROUNDED)
    except UnsupportedGraph as reason:
        raise InvalidInput(f"{task.from_variant or task.source} cannot be converted: {reason}") from reason
    encoder, decoder = len(halves.encoder.graph.node), len(halves.decoder.graph.node)
    task.log(f"the encoder half has {encoder} operators, flow and decoder have {decoder}")
    return {FROM_SHA256: sha256_of(task.from_variant)} if task.from_variant else {}
