"""Voices as Core ML: the front stays ONNX, flow and decoder become an ML Program."""
