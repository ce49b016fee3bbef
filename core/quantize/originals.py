"""What a voice must be to be quantized."""

from pathlib import Path

import onnx

from core.errors import BadInput

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
    model = onnx.load(path, load_external_data=False)
    if any(node.op_type in _OF_QUANTIZED for node in model.graph.node):
        raise BadInput(f"{path} is quantized already: start from the voice's original fp32 model")
