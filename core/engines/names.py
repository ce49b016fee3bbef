"""The names of engines. Light to import."""

from typing import Literal

EngineName = Literal["onnxruntime", "onnxruntime-coreml", "coreml", "coreml-evaluated"]
"""One file with ONNX Runtime on the CPU; the same through its Core ML provider; a folder with Core ML; the same folder
evaluated with NumPy, which shows what Core ML computes, but not how fast."""

BY_PROVIDER = "original@coreml"
"""The name of the original when ONNX Runtime runs it through its Core ML provider: the same file in another engine."""
