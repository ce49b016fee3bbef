"""Saving the decoder half of a voice as an `.mlpackage`. This needs coremltools, but not Core ML."""

from dataclasses import dataclass
from pathlib import Path

import coremltools as ct
import numpy as np
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.mil import Function, Program, get_new_symbol
from coremltools.optimize.coreml import OpLinearQuantizerConfig, OptimizationConfig, linear_quantize_weights

from core.coreml.decoder_half import AUDIO, LATENT, LENGTHS, SPEAKER
from core.coreml.lower import lower
from core.vits.split import SplitModel

_TARGETS = {"macos13": "macOS13", "macos14": "macOS14", "macos15": "macOS15"}


@dataclass(frozen=True)
class PackageOptions:
    """How a program computes and stores its weights, and where it runs."""

    precision: str = "fp16"
    """`fp16` or `fp32`."""
    weights: str = "same"
    """`same` as the precision, or `int8`."""
    target: str = "macos14"
    """The oldest system, `macos13` to `macos15`."""


def save_package(halves: SplitModel, options: PackageOptions, path: Path, unrounded: Path | None = None) -> None:
    """Save the decoder half as an ML Program from frames, [1, channels + 1, 1, frames], to audio, [1, 1, 1, samples].

    The last channel is the mask, because a second input of flexible length would need macOS 15. If weights are rounded to
    int8, the program before rounding is saved as `unrounded`. Raises UnsupportedGraph.
    """
    target = getattr(ct.target, _TARGETS[options.target])
    packed = (1, halves.split_point.channels + 1, 1)
    fixed = (1, halves.split_point.speaker_channels, 1, 1)
    lengths = ct.EnumeratedShapes([(*packed, length) for length in LENGTHS], default=(*packed, LENGTHS[-1]))
    specs = {LATENT: mb.placeholder(shape=(*packed, get_new_symbol()))}
    inputs = [ct.TensorType(name=LATENT, shape=lengths, dtype=np.float32)]
    if halves.split_point.speaker:
        specs[SPEAKER] = mb.placeholder(shape=fixed)
        inputs.append(ct.TensorType(name=SPEAKER, shape=fixed, dtype=np.float32))
    program = Program()
    with Function(specs, opset_version=target) as function:
        latent, mask = mb.split(x=function.inputs[LATENT], split_sizes=[halves.split_point.channels, 1], axis=1)
        crossing = {halves.split_point.latent: latent, halves.split_point.mask: mask}
        if halves.split_point.speaker:
            crossing[halves.split_point.speaker] = function.inputs[SPEAKER]
        function.set_outputs([mb.identity(x=lower(halves.decoder, crossing, halves.split_point.mask), name=AUDIO)])
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
