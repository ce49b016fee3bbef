"""From text to phoneme ids, as piper-tts does it for a voice."""

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from core.errors import InvalidInput
from core.seed import SEED
from core.voices.phonemizer import open_piper

# Stress, ties between two letters, and a tone of espeak's Latvian: without them the same sounds are spoken.
_WITHOUT_SOUND = frozenset("ˈˌ\u035c\u0361`")


@dataclass(frozen=True)
class Phonemes:
    """The phonemes of a text, with its sentences joined, and those that the voice has no id for."""

    all: tuple[str, ...]
    dropped: tuple[str, ...]

    @property
    def dropped_share(self) -> float:
        """Return the share of the sounds that are dropped, 0..1; 1 for a text without sounds. Pauses are no sounds."""
        sounds = sum(map(is_sound, self.all))
        return sum(map(is_sound, self.dropped)) / sounds if sounds else 1.0


def is_sound(phoneme: str) -> bool:
    """Return whether a phoneme is spoken: it is no space, no punctuation and no stress mark."""
    return any(_has_sound(char) for char in phoneme)


def _has_sound(char: str) -> bool:
    # Some voices have characters for private use (Co) for sounds without a letter.
    category = unicodedata.category(char)
    return (category == "Co" or category[0] not in "ZPC") and char not in _WITHOUT_SOUND


def phonemes_of(config: dict[str, Any], text: str) -> Phonemes:
    """Return the phonemes that piper-tts makes of a text. Raises InvalidInput if it makes none."""
    try:
        voice = _piper_voice(config)
        sentences = voice.phonemize(text)
        found = tuple(
            phoneme for number, sentence in enumerate(sentences) for phoneme in ([" "] if number else []) + sentence
        )
        return Phonemes(found, tuple(phoneme for phoneme in found if not voice.config.phoneme_id_map.get(phoneme)))
    except InvalidInput:
        raise
    except Exception as error:
        raise InvalidInput(f"no phonemes for {text[:40]!r}: {error}") from error


def phoneme_ids(config: dict[str, Any], text: str) -> list[int]:
    """Return the phoneme ids of a text, with its sentences joined.

    Raises InvalidInput for a voice that piper-tts has no phonemes for.
    """
    found = phonemes_of(config, text)
    if len(found.dropped) == len(found.all):
        raise InvalidInput(f"no phoneme of {text[:40]!r} is in the voice's phoneme_id_map")
    return ids_of(config, found.all)


def ids_of(config: dict[str, Any], phonemes: Sequence[str]) -> list[int]:
    """Return the ids of phonemes, padded as piper-tts pads them, without those that the voice has no id for.

    Raises InvalidInput.
    """
    try:
        voice = _piper_voice(config)
        known = [phoneme for phoneme in phonemes if phoneme in voice.config.phoneme_id_map]
        ids: list[int] = voice.phonemes_to_ids(known)
    except InvalidInput:
        raise
    except Exception as error:
        raise InvalidInput(f"no phoneme ids for {''.join(phonemes)[:40]!r}: {error}") from error
    return ids


def _piper_voice(config: dict[str, Any]) -> Any:
    """Return Piper's voice of a configuration, without a model.

    The last one is kept, as a program that speaks keeps it: for Arabic it also loads a small model.
    """
    return _parsed_voice(json.dumps(config))


@lru_cache(maxsize=1)
def _parsed_voice(config: str) -> Any:
    return open_piper(json.loads(config))


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
