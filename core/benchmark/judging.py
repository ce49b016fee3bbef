"""Texts that are not timed, only judged by their sound: what the texts of a benchmark lack, made from them.

A trained decoder can fail where a quantized one cannot, in what it never met: a question, a shout, a list, numbers, a single
word, a very long sentence, another speed. Of punctuation alone piper-tts makes no phonemes, so there is nothing to judge.
"""

import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.benchmark.probe import Probe
from core.benchmark.texts import TextSet
from core.errors import InvalidInput
from core.quality.compare import Recordings
from core.voices.phonemes import ids_of, phonemes_of
from core.voices.spoken_sentences import MAX_DROPPED

VERSION = "judging v1"
"""It increases with every change to the texts or speeds."""
_FAST, _SLOW = 0.7, 1.5
_NUMBERS = "13, 1984; 27 000, 3.5."
_SHORTEST_LIST, _LONGEST_LIST = 4, 8
_MARKS = {"ar": ("؟", "!", ", "), "fa": ("؟", "!", ", "), "el": (";", "!", ", "), "zh": ("？", "！", "，")}
"""Question mark, exclamation mark and comma of a language, if they are others than `_LATIN`."""
_LATIN = ("?", "!", ", ")


@dataclass(frozen=True)
class JudgedText:
    """A text, its phoneme ids, and its speed."""

    text: str
    ids: list[int]
    length_scale: float = 1.0
    """The length in units of the voice's own: 0.7 is fast."""


@dataclass(frozen=True)
class Spoken:
    """The recordings of one variant, float32 [samples] each."""

    texts: Recordings
    """Of the texts that are timed, in their order."""
    judged: Recordings
    """Of the texts that are judged, in their order; empty if they were not spoken."""


def record(probe: Probe, ids: Mapping[str, list[int]], judged: Mapping[str, JudgedText]) -> Spoken:
    """Record all texts once."""
    with tempfile.TemporaryDirectory(prefix="ttsdash-") as folder:
        file = Path(folder) / "audio.npy"
        return Spoken(
            [probe.record(text, file) for text in ids.values()],
            [probe.record(text.ids, file, text.length_scale) for text in judged.values()],
        )


def judged_texts(texts: TextSet, config: dict[str, Any]) -> dict[str, JudgedText]:
    """Return the texts to judge by their names, without those that the voice cannot say.

    The medium one of `texts` is the one that latency is measured with, the others are the shortest and the longest. Generated
    texts are phonemes, not words: of them only the speeds and the long sentence are made.
    """
    by_length = sorted(texts.texts, key=lambda name: len(texts.texts[name]))
    short, medium, long = by_length[0], texts.latency_text, by_length[-1]
    ids = texts.ids(config)
    found = {
        "fast": JudgedText(texts.texts[medium], ids[medium], _FAST),
        "slow": JudgedText(texts.texts[short], ids[short], _SLOW),
    }
    if texts.phonemes:
        phonemes = (*texts.phonemes[long], " ", *texts.phonemes[medium])
        return found | {"long sentence": JudgedText("".join(phonemes), ids_of(config, phonemes))}
    for name, text in _written(texts.texts[short], texts.texts[medium], texts.texts[long], texts.language):
        spoken = _ids(config, text)
        if spoken:
            found[name] = JudgedText(text, spoken)
    return found


def _written(short: str, medium: str, long: str, language: str) -> Iterator[tuple[str, str]]:
    question, exclamation, comma = _MARKS.get(language, _LATIN)
    yield "question", _without_end(medium) + question
    yield "exclamation", _without_end(short) + exclamation
    yield "numbers", _NUMBERS
    words = list(filter(None, map(_without_end, medium.split())))
    if len(words) >= _SHORTEST_LIST:
        yield "list", comma.join(words[:_LONGEST_LIST]) + "."
        yield "word", max(words, key=len)
    yield "long sentence", _without_end(long) + comma + medium


def _without_end(text: str) -> str:
    """Return a text without punctuation at its end. Marks that belong to a letter, as in Hindi, stay."""
    while text and unicodedata.category(text[-1])[0] in "PZ":
        text = text[:-1]
    return text


def _ids(config: dict[str, Any], text: str) -> list[int]:
    """Return the phoneme ids of a text; none if the voice lacks some of its sounds."""
    try:
        phonemes = phonemes_of(config, text)
    except InvalidInput:
        return []
    return ids_of(config, phonemes.all) if phonemes.dropped_share <= MAX_DROPPED else []
