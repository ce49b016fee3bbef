"""The recipe `optimized`: fp32 as the original, another graph, the same numbers.

Constants are folded, attentions, splines and the decoder rewritten. Each is compared with its original, and what came out
is run beside the whole original before anyone sees it. Of a voice that is not recognised only the constants are folded.
"""

from typing import Any

from core.engines.ort import OrtVoice
from core.errors import TtsdashError
from core.graph.model import save_model
from core.quantize.steps import cleaned, rewrite_decoder_of
from core.rewrite.equivalence import largest_difference
from core.variants.recipes import Task

# Of full scale: 16 bits end at 3e-5, and reordered sums of 32-bit floats differ by about 1e-6.
_TOLERANCE = 1e-5
# Some voices make more of a reordered sum: they differ as much from themselves when ONNX Runtime does not fuse operators.
_TIMES_ITSELF = 2
_LARGEST = 2e-4


def make(task: Task) -> dict[str, Any]:
    """Raises TtsdashError when the variant is not the same as its original."""
    voice = cleaned(task)
    task.progress("rewriting the decoder", 0.3)
    save_model(rewrite_decoder_of(voice, task), task.target)
    task.progress("comparing with the original", 0.5)
    original = OrtVoice(task.source)
    difference = largest_difference(original, OrtVoice(task.target), task.config)
    itself = largest_difference(original, OrtVoice(task.source, as_exported=True), task.config)
    task.log(f"largest difference to the original's samples: {difference:.1e}; the original's to itself: {itself:.1e}")
    if not is_the_same(difference, itself):
        raise TtsdashError(
            f"the rewritten graph is not the same (differs by {difference:.1e}): this voice keeps its original"
        )
    return {}


def is_the_same(difference: float, itself: float) -> bool:
    """Whether a largest difference is no more than rounding, for a voice that differs from itself by so much."""
    return difference <= min(max(_TOLERANCE, _TIMES_ITSELF * itself), _LARGEST)
