"""Piper's phonemizers, some of which need more packages, and one a model that is downloaded only when the user asks."""

from enum import StrEnum
from pathlib import Path
from typing import Any

from core.errors import InvalidInput
from core.processes import python_command

EXTRAS = {"pinyin": "zh", "japanese": "ja", "thai": "th"}
"""The extra of piper-tts that each type of phonemes needs; espeak, text and hebrew need none."""
_PINYIN = "pinyin"


class Resource(StrEnum):
    """A file that a phonemizer needs, below `resource_folder`."""

    G2PW = "g2pW/g2pw.onnx"


def resource_folder() -> Path:
    """Return the folder of the models of phonemizers."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("ttsdash", appauthor=False))


def download_command() -> str:
    """Return the command that downloads what pinyin needs: g2pW's model, and the tokenizer that it uses."""
    folder = str((resource_folder() / Resource.G2PW).parent)
    return python_command("-c", f"from piper.phonemize_chinese import ChinesePhonemizer as P; P({folder!r})")


def lacks_resources(config: dict[str, Any]) -> bool:
    """Return whether the phonemes of a voice need a model that has not been downloaded."""
    return config.get("phoneme_type") == _PINYIN and not (resource_folder() / Resource.G2PW).is_file()


def open_piper(config: dict[str, Any], session: Any = None) -> Any:
    """Return the `PiperVoice` of a configuration, which makes phonemes, and with a session audio too.

    Raises InvalidInput rather than have Piper download a model; errors of piper-tts for a wrong configuration.
    """
    from piper.config import PiperConfig
    from piper.voice import PiperVoice

    if lacks_resources(config):
        raise InvalidInput(f"its phonemes need a model that has not been downloaded: {download_command()}")
    voice = PiperVoice(session=session, config=PiperConfig.from_dict(config))
    if config.get("phoneme_type") == _PINYIN:
        voice.download_dir = resource_folder()
    return voice
