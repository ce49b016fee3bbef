"""The engines by name. Light to import."""

from typing import Literal

EngineName = Literal["onnxruntime", "onnxruntime-coreml", "coreml", "coreml-evaluated"]
"""One file with ONNX Runtime; the same through Core ML's provider; a folder with Core ML;
the same evaluated with numpy, which is no way to speak but tells what it would say."""

BY_PROVIDER = "original@coreml"
"""What the original is called when ONNX Runtime runs it through Core ML: no other file, but another way to run it."""
