"""The texts of a benchmark: a fixed set per language, sentences generated for the voice, or a file of the user."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.text import escape_control
from core.voices.phonemes import ids_of, phoneme_ids
from core.voices.sentences import read_sentences
from core.voices.spoken_sentences import (
    SentenceKind,
    SpokenSentences,
    Written,
    family_of,
    label_with,
    read_written,
    spoken_file,
    spoken_sentences,
)

_SETS = Path(__file__).parent / "text_sets"
_LATENCY_TEXT = "medium"
# Lengths in phonemes, like those of the written ones.
_GENERATED = {"short": 16, _LATENCY_TEXT: 70, "long": 160}


@dataclass(frozen=True)
class TextSet:
    """Named texts. The synthesis time of `latency_text` is reported as the latency."""

    name: str
    language: str
    """Empty for texts of unknown language."""
    texts: dict[str, str]
    latency_text: str
    kind: SentenceKind = SentenceKind.WRITTEN
    note: str | None = None
    """Why they are not the written ones as they are, if so."""
    phonemes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The phonemes of generated texts. Those of others are made by piper-tts."""

    def ids(self, config: dict[str, Any]) -> dict[str, list[int]]:
        """Return the phoneme ids of each text. Raises InvalidInput for a text without any."""
        return {
            name: ids_of(config, self.phonemes[name]) if name in self.phonemes else phoneme_ids(config, text)
            for name, text in self.texts.items()
        }

    def to_json(self) -> dict[str, Any]:
        """Return what is stored with a benchmark."""
        return {
            "name": self.name,
            "kind": self.kind,
            "note": self.note,
            "latency_text": self.latency_text,
            "texts": self.texts,
        }

    @property
    def label(self) -> str:
        """Return the name with the note."""
        return label_with(self.name, self.note)


def written_texts(language: str) -> TextSet | None:
    """Return the set for the language of a voice (`en_US`, `en-us`), None if there is none."""
    found = read_written(_SETS, language, "texts")
    return found and TextSet(found[0], family_of(language), found[1], _LATENCY_TEXT)


def texts_for(config: dict[str, Any], language: str) -> TextSet:
    """Return the set for a voice's language, or generated texts if there is none that the voice can say.

    Raises InvalidInput for a voice that piper-tts has no phonemes for.
    """
    texts = written_texts(language)
    written = Written(texts.name, tuple(texts.texts.values())) if texts else None
    found = spoken_sentences(config, language, written, list(_GENERATED.values()), "benchmark")
    generated = found.kind == SentenceKind.GENERATED
    return _text_set(found, "" if generated else family_of(language), list(_GENERATED), _LATENCY_TEXT)


def texts_from(path: Path) -> TextSet:
    """Return a set made of a file with one sentence per line; `latency_text` is the one of median length.

    Raises InvalidInput.
    """
    lines = read_sentences(path)
    texts = {f"line {number}": line for number, line in enumerate(lines, 1)}
    middle = sorted(texts, key=lambda name: len(texts[name]))[len(texts) // 2]
    return TextSet(escape_control(path.name), "", texts, latency_text=middle, kind=SentenceKind.FILE)


def texts_of_file(config: dict[str, Any], language: str, path: Path) -> TextSet:
    """Return the set of a file as a voice can say it. Raises InvalidInput if it cannot."""
    texts = texts_from(path)
    found = spoken_file(config, language, path, texts.name)
    return _text_set(found, "", list(texts.texts), texts.latency_text)


def _text_set(found: SpokenSentences, language: str, names: list[str], latency_text: str) -> TextSet:
    generated = found.kind == SentenceKind.GENERATED
    named = dict(zip(names, found.sentences, strict=True))
    return TextSet(
        name=found.name,
        language=language,
        texts={name: sentence.text for name, sentence in named.items()},
        latency_text=latency_text,
        kind=found.kind,
        note=found.note,
        phonemes={name: sentence.phonemes for name, sentence in named.items()} if generated else {},
    )
