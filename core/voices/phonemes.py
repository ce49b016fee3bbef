"""From text to phoneme ids, as piper-tts does it for a voice."""

from collections.abc import Iterable
from typing import Any

from core.errors import InvalidInput
from core.seed import SEED
from core.voices.phonemizer import open_piper


def phoneme_ids(config: dict[str, Any], text: str) -> list[int]:
    """Return the phoneme ids of a text, with its sentences joined.

    Raises InvalidInput for a voice that piper-tts has no phonemes for.
    """
    try:
        voice = open_piper(config)
        sentences = voice.phonemize(text)
        phonemes = [
            phoneme for number, sentence in enumerate(sentences) for phoneme in ([" "] if number else []) + sentence
        ]
        known = [phoneme for phoneme in phonemes if phoneme in voice.config.phoneme_id_map]
        ids: list[int] = voice.phonemes_to_ids(known)
    except Exception as error:
        raise InvalidInput(f"no phonemes for {text[:40]!r}: {error}") from error
    if not known:
        raise InvalidInput(f"no phoneme of {text[:40]!r} is in the voice's phoneme_id_map")
    return ids


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
