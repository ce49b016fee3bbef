"""Phoneme ids of sentences, and what the voice cannot say of them."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.errors import InvalidInput
from core.voices.phonemes import is_sound
from core.voices.phonemizer import open_piper

# espeak, and the models that other phonemizers load at first use, are for one thread at a time.
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Utterance:
    """What the voice speaks at once: the phoneme ids of a sentence, or of a part of one."""

    ids: tuple[int, ...]


@dataclass(frozen=True)
class Spoken:
    """The utterances of a sentence, and its phonemes that the voice has no id for."""

    utterances: tuple[Utterance, ...]
    dropped: tuple[str, ...]


class Phonemizer:
    """Makes phoneme ids for one voice, as piper-tts does."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Take the configuration of a voice. Raises InvalidInput."""
        self._voice = open_piper(config)
        self._known = self._voice.config.phoneme_id_map

    def phonemize(self, sentence: str) -> Spoken:
        """Return what is spoken of a sentence: nothing if it has no sound. Raises InvalidInput."""
        try:
            with _LOCK:
                found = self._voice.phonemize(sentence)
        except Exception as error:
            raise InvalidInput(f"no phonemes for the text ({type(error).__name__})") from error
        dropped = tuple(one for phonemes in found for one in phonemes if one not in self._known and is_sound(one))
        return Spoken(tuple(self._utterances(found)), dropped)

    def _utterances(self, found: list[list[str]]) -> Iterator[Utterance]:
        for phonemes in found:
            known = [phoneme for phoneme in phonemes if phoneme in self._known]
            if any(map(is_sound, known)):
                yield Utterance(tuple(self._voice.phonemes_to_ids(known)))
