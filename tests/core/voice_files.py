"""Voices for the tests of the store, which never opens their files."""

from pathlib import Path

from core.voices.file import VoiceFile
from tests.vits import TINY, voice_config


def voice_file(path: str = "/voices/amy.onnx", sha256: str = "a" * 64) -> VoiceFile:
    """Return what was read of a voice, without any files."""
    return VoiceFile(Path(path), sha256, 1000, voice_config(TINY), {"parts": [], "upsampling_stages": 3, "opset": 15})
