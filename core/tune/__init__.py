"""Custom quantization: searching the number format of each part of a voice by what it costs in sound."""
