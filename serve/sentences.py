"""Sentences of a text, whole or as it arrives in pieces, and of pieces that end within a word."""

import re
from collections.abc import Iterator

from sentence_stream import SentenceBoundaryDetector

_MAX_CHARS = 400
"""A sentence that is longer is cut: its text must be encoded as a whole before it is heard."""
# Where a long sentence is cut, the best place first.
_PLACES = ("; ", ": ", ", ", "，", "、", " ")

# Nothing that can be spoken, and no phonemizer takes them.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class SentenceStream:
    """Takes text in pieces, and returns sentences as soon as they are whole."""

    def __init__(self) -> None:
        self._detector = SentenceBoundaryDetector()

    def add(self, text: str) -> Iterator[str]:
        """Take a piece of text, and yield the sentences that end in it."""
        for sentence in self._detector.add_chunk(_CONTROL.sub(" ", text)):
            yield from _cut(sentence)

    def finish(self) -> Iterator[str]:
        """Yield what is left when the text has ended."""
        yield from _cut(self._detector.finish())


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text."""
    stream = SentenceStream()
    return [*stream.add(text), *stream.finish()]


def _cut(sentence: str) -> Iterator[str]:
    rest = sentence.strip()
    while len(rest) > _MAX_CHARS:
        found = next((at + len(place) for place in _PLACES if (at := rest.rfind(place, 0, _MAX_CHARS)) > 0), _MAX_CHARS)
        yield rest[:found].strip()
        rest = rest[found:].strip()
    if rest:
        yield rest
