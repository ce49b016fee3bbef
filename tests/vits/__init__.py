"""Tiny voices with the topology of Piper's: VITS as torch exports it, with few channels and seeded weights."""

from tests.vits.shape import HIGH, MULTI_SPEAKER, TINY, X_LOW, VitsShape
from tests.vits.voice import build_model, voice_config, write_voice

__all__ = [
    "HIGH",
    "MULTI_SPEAKER",
    "TINY",
    "X_LOW",
    "VitsShape",
    "build_model",
    "voice_config",
    "write_voice",
]
