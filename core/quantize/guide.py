"""The recipe `guide`: dynamic INT8 over the whole graph, as the script of MacBot's guide does it.

It is the baseline of benchmarks, not a good variant: every convolution becomes a ConvInteger, which ONNX Runtime does not
run faster than fp32, and one scale for each tensor degrades the sound.
"""

import logging
from pathlib import Path
from typing import Any

import onnx

from core.errors import InvalidInput, TtsdashError, format_error
from core.graph.errors import UnsupportedGraph
from core.graph.model import read_model
from core.graph.normalize import standardize
from core.quantize.source import require_unquantized
from core.variants.recipes import Task

_SETTINGS: dict[str, Any] = {"weight_type": "QUInt8", "per_channel": False, "reduce_range": False}


def make(task: Task) -> dict[str, Any]:
    """Write the variant, and return the guide's settings, which cannot be changed."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    task.progress("quantizing", 0.0)
    require_unquantized(task.source)
    # It warns on the root logger that the model was not pre-processed, which the guide's script does not do either.
    logging.getLogger().setLevel(logging.ERROR)
    try:
        quantize_dynamic(
            # Given a path, it would write a temporary file next to the voice.
            _standardized(task.source),
            task.target,
            weight_type=QuantType[_SETTINGS["weight_type"]],
            per_channel=_SETTINGS["per_channel"],
            reduce_range=_SETTINGS["reduce_range"],
        )
    except InvalidInput:
        raise
    except Exception as error:
        raise TtsdashError(f"the guide's method cannot quantize this voice: {format_error(error)}") from error
    finally:
        logging.getLogger().setLevel(logging.INFO)
    task.log("all weights and activations of the graph in 8 bits")
    return _SETTINGS


def _standardized(source: Path) -> onnx.ModelProto:
    """Read the original, and change only what the guide's tools do not understand. Raises InvalidInput."""
    try:
        return standardize(read_model(source))
    except UnsupportedGraph as reason:
        raise InvalidInput(f"{source} cannot be optimized: {reason}") from reason
