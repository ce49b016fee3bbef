"""What a voice must be to be quantized."""

from pathlib import Path

from core.errors import InvalidInput
from core.graph.model import read_model

_OF_QUANTIZED = {
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


def refuse_quantized(path: Path) -> None:
    """Raises BadInput for a voice that is quantized already: rounding it again would only harm it."""
    if any(node.op_type in _OF_QUANTIZED for node in read_model(path).graph.node):
        raise InvalidInput(f"{path} is quantized already: start from the voice's original fp32 model")
