"""Checking the source of a quantized variant."""

from pathlib import Path

from core.errors import InvalidInput
from core.graph.model import read_model

_QUANTIZED_OPERATORS = {
    "QuantizeLinear",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
    "ConvInteger",
    "MatMulInteger",
    "QLinearConv",
    "QLinearMatMul",
    "MatMulNBits",
    "DynamicQuantizeMatMul",
}


def require_unquantized(path: Path) -> None:
    """Raise InvalidInput for a voice that is already quantized: rounding it again would only degrade it."""
    if any(node.op_type in _QUANTIZED_OPERATORS for node in read_model(path).graph.node):
        raise InvalidInput(f"{path} is already quantized: start from the voice's original fp32 model")
