"""Integer arithmetic in ONNX: kernels for convolutions, and weights in fewer bits."""
