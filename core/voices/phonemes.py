"""From text to phoneme ids, as piper-tts does it for a voice."""

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.errors import InvalidInput
from core.seed import SEED


def phoneme_ids(config: dict[str, Any], text: str) -> list[int]:
    """Return the phoneme ids of a text, with its sentences joined.

    Raises InvalidInput for a voice that piper-tts has no phonemes for.
    """
    from piper.config import PiperConfig
    from piper.voice import PiperVoice

    try:
        voice = PiperVoice(session=None, config=PiperConfig.from_dict(config))
        if config.get("phoneme_type") == "pinyin":
            voice.download_dir = _folder_with_g2pw()
        sentences = voice.phonemize(text)
        phonemes = [
            phoneme for number, sentence in enumerate(sentences) for phoneme in ([" "] if number else []) + sentence
        ]
        known = [phoneme for phoneme in phonemes if phoneme in voice.config.phoneme_id_map]
        ids: list[int] = voice.phonemes_to_ids(known)
    except InvalidInput:
        raise
    except Exception as error:
        raise InvalidInput(f"no phonemes for {text[:40]!r}: {error}") from error
    if not known:
        raise InvalidInput(f"no phoneme of {text[:40]!r} is in the voice's phoneme_id_map")
    return ids


def _folder_with_g2pw() -> Path:
    """Return the folder of the model g2pW, which Piper downloads for its Chinese voices, into the working directory.

    Raises InvalidInput if it is not there: ttsdash downloads only what its user asks for. Raises ImportError without
    the packages that run it.
    """
    import piper.phonemize_chinese  # noqa: F401
    import platformdirs

    folder = Path(platformdirs.user_data_dir("ttsdash", appauthor=False))
    model_folder = folder / "g2pW"
    if not (model_folder / "g2pw.onnx").exists():
        code = f"from piper.phonemize_chinese import ChinesePhonemizer as C; C({str(model_folder)!r})"
        command = shlex.join([sys.executable, "-c", code])
        raise InvalidInput(f"no phonemes: Piper's model for Chinese text is missing; download it with {command}")
    return folder


def random_phonemes(config: dict[str, Any], lengths: Iterable[int]) -> list[list[int]]:
    """Return utterances of random phonemes of the voice, padded as Piper pads them. The random seed is fixed."""
    import numpy as np

    known = dict(config["phoneme_id_map"])
    begin, end, pad = (known.pop(name, []) for name in "^$_")
    random, choices = np.random.default_rng(SEED), list(known.values()) or [pad]
    utterances = []
    for length in lengths:
        drawn = random.integers(len(choices), size=length)
        utterances.append([*begin, *(entry for number in drawn for entry in (*pad, *choices[number])), *pad, *end])
    return utterances
