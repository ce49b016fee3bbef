"""Makes an `.mlpackage` of a voice's body, and saves it. Core ML is not needed for that, only coremltools."""

from dataclasses import dataclass
from pathlib import Path

import coremltools as ct
import numpy as np
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.mil import Function, Program, get_new_symbol
from coremltools.optimize.coreml import OpLinearQuantizerConfig, OptimizationConfig, linear_quantize_weights

from core.coreml.decoder_half import AUDIO, LATENT, LENGTHS, SPEAKER
from core.coreml.lower import lower
from core.vits.split import Cut

_TARGETS = {"macos13": "macOS13", "macos14": "macOS14", "macos15": "macOS15"}


@dataclass(frozen=True)
class Options:
    """How the program computes, fp16 or fp32; how it keeps its weights, the same or int8; what it is for, macos13 to 15."""

    precision: str = "fp16"
    weights: str = "same"
    target: str = "macos14"


def make_package(cut: Cut, options: Options, path: Path, unrounded: Path | None = None) -> None:
    """Save the body of a voice as an ML Program of frames: [1, channels + 1, 1, frames] to [1, 1, 1, samples].

    The last channel is the mask: a second input of flexible length would need macOS 15. Where weights are rounded to int8,
    `unrounded` gets the program as it was before. Raises NotRecognised.
    """
    target = getattr(ct.target, _TARGETS[options.target])
    packed = (1, cut.seam.channels + 1, 1)
    fixed = (1, cut.seam.speaker_channels, 1, 1)
    lengths = ct.EnumeratedShapes([(*packed, length) for length in LENGTHS], default=(*packed, LENGTHS[-1]))
    specs = {LATENT: mb.placeholder(shape=(*packed, get_new_symbol()))}
    inputs = [ct.TensorType(name=LATENT, shape=lengths, dtype=np.float32)]
    if cut.seam.speaker:
        specs[SPEAKER] = mb.placeholder(shape=fixed)
        inputs.append(ct.TensorType(name=SPEAKER, shape=fixed, dtype=np.float32))
    program = Program()
    with Function(specs, opset_version=target) as function:
        latent, mask = mb.split(x=function.inputs[LATENT], split_sizes=[cut.seam.channels, 1], axis=1)
        crossing = {cut.seam.latent: latent, cut.seam.mask: mask}
        if cut.seam.speaker:
            crossing[cut.seam.speaker] = function.inputs[SPEAKER]
        function.set_outputs([mb.identity(x=lower(cut.body, crossing, cut.seam.mask), name=AUDIO)])
    program.add_function("main", function)
    model = ct.convert(
        program,
        convert_to="mlprogram",
        inputs=inputs,
        compute_precision=ct.precision.FLOAT32 if options.precision == "fp32" else ct.precision.FLOAT16,
        minimum_deployment_target=target,
        skip_model_load=True,
    )
    if options.weights == "int8":
        if unrounded:
            model.save(str(unrounded))
        config = OpLinearQuantizerConfig(mode="linear_symmetric", dtype="int8", granularity="per_channel")
        model = linear_quantize_weights(model, OptimizationConfig(global_config=config))
    model.save(str(path))
