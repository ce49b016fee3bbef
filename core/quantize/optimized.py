"""The recipe `optimized`: fp32 as the original, another graph, the same numbers.

Constants are folded, the decoder is rewritten (`core.graph.windowed`). What came out is run beside the original before
anyone sees it. Of a voice whose decoder is not recognised only the constants are folded.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx

from core.engines.ort import OrtVoice
from core.errors import TtsdashError
from core.graph.anatomy import NotRecognised
from core.graph.equality import largest_difference
from core.graph.fold import fold_constants
from core.graph.windowed import Windows, rewrite_decoder

PARAMS: dict[str, Any] = {"window": Windows().longest, "rows": Windows().rows}
TOOLS = ("onnxruntime", "onnx")

# Of full scale: 16 bits end at 3e-5, and reordered sums of 32-bit floats differ by about 1e-6.
_TOLERANCE = 1e-5


def make(source: Path, target: Path, tell: Callable[[str], None]) -> None:
    """Write the rewritten model of `source` to `target`. Raises TtsdashError when it is not the same."""
    model = fold_constants(source)
    try:
        model = rewrite_decoder(model, Windows(PARAMS["window"], PARAMS["rows"]))
        tell("decoder rewritten to windows and blocked convolutions")
    except NotRecognised as reason:
        tell(f"decoder left as it is: {reason}")
    onnx.save(model, target)
    difference = largest_difference(OrtVoice(source), OrtVoice(target))
    tell(f"largest difference to the original's samples: {difference:.1e}")
    if not difference <= _TOLERANCE:
        raise TtsdashError(
            f"the rewritten graph is not the same (differs by {difference:.1e}): this voice keeps its original"
        )
