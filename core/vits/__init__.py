"""The structure of a Piper voice: VITS as an ONNX graph."""
