"""The recipe `guide`: dynamic INT8 over the whole graph, as the usual guide's script makes it.

It is kept to be measured, not because it is good: every convolution becomes a ConvInteger, which ONNX Runtime does not
run faster than fp32, and one scale a tensor costs the sound.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

PARAMS: dict[str, Any] = {"weight_type": "QUInt8", "per_channel": False, "reduce_range": False}
TOOLS = ("onnxruntime", "onnx")


def make(source: Path, target: Path, tell: Callable[[str], None]) -> None:
    """Write the quantized model of `source` to `target`."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # It warns that the model was not pre-processed, as the guide's script does not either, on the root logger.
    logging.getLogger().setLevel(logging.ERROR)
    quantize_dynamic(
        source,
        target,
        weight_type=QuantType[PARAMS["weight_type"]],
        per_channel=PARAMS["per_channel"],
        reduce_range=PARAMS["reduce_range"],
    )
    logging.getLogger().setLevel(logging.INFO)
    tell("every weight and activation of the whole graph in 8 bits")
