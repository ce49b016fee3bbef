"""What a Piper voice (VITS) looks like as an ONNX graph."""
