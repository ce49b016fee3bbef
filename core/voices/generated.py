"""Sentences made from the phonemes that a voice has, for a voice that can say no written ones.

Syllables of a consonant and a vowel form words, words form sentences with pauses. It is no language, but it passes
through the same parts of the voice, at lengths like those of written sentences.
"""

import random
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import InvalidInput
from core.seed import SEED
from core.voices.phonemes import is_sound

VERSION = 1
"""Increase it with every change to what is generated."""

_SPECIAL = frozenset("_^$")
# Piper's map for espeak has a letter for every sound of every language, most of which the voice was never trained on.
# These are in most languages.
_COMMON = frozenset("pbtdkɡgmnŋfvszʃʒhlrɹɾjwaeiouɛɔəɪʊæɑʌ")
_VOWELS = frozenset("aeiouyɛɔəɪʊæɑʌɐɒœøɯɨʉɤɜаеиоуыэюяєіїөүұәαεηιοωυءاويآئ") | frozenset("აეიოუ")
_FEWEST = 6
_TONES = "12345"
_PAUSE_AFTER, _MARK_AFTER, _OPEN_SYLLABLE = 0.12, 0.1, 0.75


@dataclass(frozen=True)
class _Inventory:
    """The phonemes of a voice by their place in a syllable; each may be empty, but not all sounds."""

    consonants: Sequence[str]
    vowels: Sequence[str]
    marks: Sequence[str]
    tones: Sequence[str]
    stress: Sequence[str]
    space: Sequence[str]
    pauses: Sequence[str]
    ends: Sequence[str]


def generate(config: dict[str, Any], lengths: Sequence[int], purpose: str) -> list[tuple[str, ...]]:
    """Return a sentence of about each length, in phonemes. The same arguments always give the same ones.

    Sentences for different purposes are different. Raises InvalidInput for a voice without any sound.
    """
    inventory = _inventory(config)
    return [_sentence(inventory, length, f"{SEED} {purpose} {number}") for number, length in enumerate(lengths)]


def _inventory(config: dict[str, Any]) -> _Inventory:
    ids: Mapping[str, Any] = config["phoneme_id_map"]
    known = sorted(phoneme for phoneme, found in ids.items() if found and phoneme not in _SPECIAL)
    kind = config.get("phoneme_type", "espeak")
    marks = [phoneme for phoneme in known if unicodedata.category(phoneme[:1] or " ")[0] == "M"]
    letters = [phoneme for phoneme in known if phoneme[:1].isalpha() and is_sound(phoneme)]
    if kind == "text":
        # Whichever case the voice was trained on; a text in both is mostly in lower case.
        letters = [letter for letter in letters if letter.lower() == letter] or letters
    elif kind != "pinyin":
        marks = []
        letters = _common(letters)
    letters = letters or [phoneme for phoneme in known if is_sound(phoneme)]
    if not letters:
        raise InvalidInput("the voice's phoneme_id_map has no sounds: get the file again")
    vowels = [letter for letter in letters if unicodedata.normalize("NFD", letter)[0] in _VOWELS]
    return _Inventory(
        consonants=[letter for letter in letters if letter not in vowels],
        vowels=vowels,
        marks=marks,
        tones=[tone for tone in _TONES if kind == "pinyin" and tone in known],
        stress=[mark for mark in "ˈ" if mark in known],
        space=[space for space in " " if space in known],
        pauses=[pause for pause in "," if pause in known],
        ends=[end for end in "." if end in known],
    )


def _common(letters: list[str]) -> list[str]:
    """Return the letters that most languages have, or all if these are too few to speak with."""
    common = [letter for letter in letters if letter in _COMMON]
    return common if len(common) >= _FEWEST else letters


def _sentence(inventory: _Inventory, length: int, seed: str) -> tuple[str, ...]:
    # Only the method `random` yields the same numbers in every version of Python.
    chance = random.Random(seed).random  # noqa: S311 - reproducible, not secret
    spoken: list[str] = []
    while not spoken or len(spoken) < length - len(inventory.ends):
        if spoken:
            spoken += [*(inventory.pauses if chance() < _PAUSE_AFTER else ()), *inventory.space]
        for number in range(1 + int(chance() * 3)):
            spoken += [*(inventory.stress if number == 0 else ()), *_syllable(inventory, chance)]
    return (*spoken, *inventory.ends)


def _syllable(inventory: _Inventory, chance: Any) -> Sequence[str]:
    def one_of(phonemes: Sequence[str]) -> list[str]:
        return [phonemes[int(chance() * len(phonemes))]] if phonemes else []

    syllable = one_of(inventory.consonants) + one_of(inventory.vowels)
    if inventory.tones:
        return syllable + one_of(inventory.tones)
    if inventory.marks and (not inventory.vowels or chance() < _MARK_AFTER):
        syllable += one_of(inventory.marks)
    return syllable if chance() < _OPEN_SYLLABLE else syllable + one_of(inventory.consonants)
