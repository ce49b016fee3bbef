"""Distillation: a cheaper decoder, trained on what the voice's own decoder makes of its latents."""
