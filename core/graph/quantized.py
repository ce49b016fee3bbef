"""Recognizing graphs that compute or store in integers."""

import onnx

from core.graph.index import graphs_of

_OPERATORS = {
    *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "DequantizeBFP", "QuantizeBFP"),
    *("ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "MatMulNBits", "MatMulBnb4"),
    *("MatMulInteger16", "DynamicQuantizeLSTM", "GatherBlockQuantized", "MatMulFpQ4", "QGemm", "QAttention"),
}
# The prefix of operators on quantized tensors: QLinearConv, QLinearAdd, ...
_PREFIX = "QLinear"


def is_quantized(model: onnx.ModelProto) -> bool:
    """Return whether any node, including those of subgraphs, works on quantized tensors."""
    nodes = (node for graph in graphs_of(model.graph) for node in graph.node)
    # A damaged name is not text.
    return any(node.op_type in _OPERATORS or str(node.op_type).startswith(_PREFIX) for node in nodes)
