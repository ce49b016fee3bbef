"""The recipe `guide`: dynamic INT8 over the whole graph, as the usual guide's script makes it.

It is kept to be measured, not because it is good: every convolution becomes a ConvInteger, which ONNX Runtime does not
run faster than fp32, and one scale a tensor costs the sound.
"""

import logging
from typing import Any

from core.errors import TtsdashError, format_error
from core.graph.model import read_model
from core.quantize.source import refuse_quantized
from core.variants.recipes import Task

_SETTINGS: dict[str, Any] = {"weight_type": "QUInt8", "per_channel": False, "reduce_range": False}


def make(task: Task) -> dict[str, Any]:
    """Returns the settings, which are the guide's and cannot be changed."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    task.progress("quantizing", 0.0)
    refuse_quantized(task.source)
    # It warns that the model was not pre-processed, as the guide's script does not either, on the root logger.
    logging.getLogger().setLevel(logging.ERROR)
    try:
        quantize_dynamic(
            # Of a path it would make another file beside the voice, for a while.
            read_model(task.source),
            task.target,
            weight_type=QuantType[_SETTINGS["weight_type"]],
            per_channel=_SETTINGS["per_channel"],
            reduce_range=_SETTINGS["reduce_range"],
        )
    except Exception as error:
        raise TtsdashError(f"the guide's script cannot quantize this voice: {format_error(error)}") from error
    finally:
        logging.getLogger().setLevel(logging.INFO)
    task.log("every weight and activation of the whole graph in 8 bits")
    return _SETTINGS
