"""The recipe `optimized`: fp32 like the original, with another graph that computes the same numbers.

Constants are folded; attentions, splines and the decoder are rewritten. Each rewritten subgraph is compared with its
original, and the finished variant with the whole original. Only constants are folded in a voice that is not recognized.
"""

from typing import Any

from core.engines.ort import OrtVoice
from core.errors import TtsdashError
from core.graph.model import save_model
from core.quantize.steps import chunk_decoder, simplify
from core.rewrite.equivalence import max_difference
from core.variants.recipes import Task

# Of full scale: a step of 16-bit audio is 3e-5, and reordered fp32 sums differ by about 1e-6.
_TOLERANCE = 1e-5
# Some voices amplify reordered sums: they differ as much from themselves when ONNX Runtime does not fuse operators.
_MAX_RATIO_TO_ITSELF = 2
_MAX_DIFFERENCE = 2e-4


def make(task: Task) -> dict[str, Any]:
    """Write the variant. Raises TtsdashError if its audio is not that of the original."""
    voice = simplify(task)
    task.progress("rewriting the decoder", 0.3)
    save_model(chunk_decoder(voice, task), task.target)
    task.progress("comparing with the original", 0.5)
    original = OrtVoice(task.source)
    difference = max_difference(original, OrtVoice(task.target), task.config)
    itself = max_difference(original, OrtVoice(task.source, optimized=False), task.config)
    task.log(
        f"largest difference from the original's samples: {difference:.1e}; of the original from itself: {itself:.1e}"
    )
    if not is_equivalent(difference, itself):
        raise TtsdashError(
            f"the rewritten graph is not equivalent (its samples differ by {difference:.1e}): use another recipe for this voice"
        )
    return {}


def is_equivalent(difference: float, itself: float) -> bool:
    """Return whether a difference is due to rounding only, for a voice that differs from itself by `itself`."""
    return difference <= min(max(_TOLERANCE, _MAX_RATIO_TO_ITSELF * itself), _MAX_DIFFERENCE)
