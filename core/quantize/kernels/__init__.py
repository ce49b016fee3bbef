"""Quantized replacements of convolutions and weights."""
