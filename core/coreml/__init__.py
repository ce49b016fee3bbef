"""Voices for Core ML: the encoder half stays ONNX, the decoder half becomes an ML Program."""
