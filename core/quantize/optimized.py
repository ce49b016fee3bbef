"""The recipe `optimized`: fp32 with another graph that computes the same numbers.

Constants are folded; attentions, splines and the decoder are rewritten. Each rewritten subgraph is compared with its
original, and the finished variant with the whole original. Only constants are folded in a voice that is not recognized.
"""

from pathlib import Path
from typing import Any

from core.engines.ort import OrtVoice
from core.errors import TtsdashError
from core.graph.model import read_model, save_model
from core.graph.normalize import read_source
from core.graph.precision import has_half_precision
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
    equivalent, difference = _compare(task.source, task, "the original")
    if not equivalent and has_half_precision(read_model(task.source)):
        # It rounds after every operator, the variant does not: the numbers to be equal to are those before rounding.
        in_fp32 = read_source(task.source).SerializeToString()
        equivalent, difference = _compare(in_fp32, task, "the original, computed in fp32")
    if not equivalent:
        raise TtsdashError(
            f"the rewritten graph is not equivalent (its samples differ by {difference:.1e}): use another recipe for this voice"
        )
    return {}


def _compare(original: Path | bytes, task: Task, what: str) -> tuple[bool, float]:
    """Return whether the variant is equivalent to the original, and the largest difference of their samples."""
    voice = OrtVoice(original)
    difference = max_difference(voice, OrtVoice(task.target), task.config)
    itself = max_difference(voice, OrtVoice(original, optimized=False), task.config)
    task.log(f"largest difference from {what}: {difference:.1e}; of {what} from itself: {itself:.1e}")
    return is_equivalent(difference, itself), difference


def is_equivalent(difference: float, itself: float) -> bool:
    """Return whether a difference is due to rounding only, for a voice that differs from itself by `itself`."""
    return difference <= min(max(_TOLERANCE, _MAX_RATIO_TO_ITSELF * itself), _MAX_DIFFERENCE)
