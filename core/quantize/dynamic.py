"""The recipe `dynamic`: 8-bit integers where they pay, with ranges found while the voice speaks.

- Decoder: its first stages, and their upsamplers, in int8; the last stage stays fp32, since what errs there is heard as
  noise. It runs in windows, as in the recipe `optimized`.
- Flow: the convolutions inside its couplings in int8.
- Text encoder and durations: computed in fp32, stored in fp16. In fewer bits they would change how long a sound lasts.
"""

from typing import Any

from core.quantize.kernels.dynamic_int8 import Dynamic, convolve_in_place
from core.quantize.pipeline import Method, Targets, quantize
from core.quantize.steps import store_rest_of, text_in_bytes
from core.variants.recipes import Task


def make(task: Task) -> dict[str, Any]:
    """Write the variant. Raises BadInput for a source that is quantized already, or of which nothing can be."""
    quantize(task, _method)
    return {}


def _method(task: Task, targets: Targets) -> Method:
    in_bytes = text_in_bytes(targets.voice, task)
    return Method(
        write_flow=convolve_in_place,
        decoder=Dynamic,
        store=lambda model: store_rest_of(model, task, in_bytes),
        shares=(0.2, 0.4, 0.9),
    )
