"""The recipe `dynamic`: 8-bit integers where they pay, with ranges found while the voice speaks.

- Decoder: its first stages, and their upsamplers, in int8; the last stage stays fp32, since what errs there is heard as
  noise. It runs in windows, as in the recipe `optimized`.
- Flow: the convolutions inside its couplings in int8.
- Text encoder and durations: computed in fp32, stored in fp16. In fewer bits they would change how long a sound lasts.
"""

from typing import Any

from core.graph.dynamic import Dynamic, convolve_in_place
from core.graph.model import save_model
from core.quantize.parts import (
    cleaned,
    flow_positions,
    refuse_fruitless,
    rewrite_decoder_of,
    rewrite_flow_of,
    store_rest_of,
    text_in_bytes,
)
from core.recipes import Task


def make(task: Task) -> dict[str, Any]:
    """Raises BadInput for a source that is quantized already, or of which nothing can be."""
    model = cleaned(task)
    flow = flow_positions(model, task)
    refuse_fruitless(model, task, flow)
    in_bytes = text_in_bytes(model, task)
    task.progress("quantizing the flow", 0.2)
    rewrite_flow_of(model, task, flow, convolve_in_place)
    task.progress("quantizing the decoder", 0.4)
    model = rewrite_decoder_of(model, task, Dynamic)
    task.progress("storing the rest", 0.9)
    store_rest_of(model, task, in_bytes)
    save_model(model, task.target)
    return {}
