"""The recipe `dynamic`: int8 where it pays, with ranges computed while the voice speaks.

- Decoder: its first stages and their upsamplers in int8; the last stage stays fp32, because its errors are heard as noise.
  It runs in chunks, as in the recipe `optimized`.
- Flow: the convolutions inside its couplings in int8.
- Text encoder and durations: computed in fp32, stored in fp16. Fewer bits would change how long a sound lasts.
"""

from typing import Any

from core.quantize.kernels.dynamic_int8 import DynamicInt8, convolve_standalone
from core.quantize.pipeline import Method, Targets, quantize
from core.quantize.steps import compress_remaining, text_weights_for_int8
from core.variants.recipes import Task


def make(task: Task) -> dict[str, Any]:
    """Write the variant. Raises InvalidInput for a source that is already quantized or cannot be quantized."""
    quantize(task, _method)
    return {}


def _method(task: Task, targets: Targets) -> Method:
    in_int8 = text_weights_for_int8(targets.voice, task)
    return Method(
        write_flow=convolve_standalone,
        decoder_kernel=DynamicInt8,
        store=lambda model: compress_remaining(model, task, in_int8),
        shares=(0.2, 0.4, 0.9),
    )
