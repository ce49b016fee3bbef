"""Sentences that a voice can say: written ones in its language, or else ones generated from its own phonemes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.errors import InvalidInput
from core.text import truncate
from core.voices.generated import VERSION, generate
from core.voices.phonemes import ids_of, is_sound, phonemes_of
from core.voices.sentences import read_sentences

MAX_DROPPED = 0.05
"""The largest share of a sentence's sounds for which a voice may have no phoneme id."""
# The codes of espeak and of ISO 639 for languages whose sentences have another code here.
_ALIASES = {"nb": "no", "cmn": "zh"}
_MAX_NAMED = 8


class SentenceKind(StrEnum):
    """Where sentences come from."""

    WRITTEN = "written"
    """In the voice's language, part of ttsdash."""
    GENERATED = "generated"
    """From the phonemes of the voice."""
    FILE = "file"
    """From a file of the user."""


@dataclass(frozen=True)
class Sentence:
    """A sentence as it is shown, and its phonemes."""

    text: str
    phonemes: tuple[str, ...]

    def ids(self, config: dict[str, Any]) -> list[int]:
        """Return the phoneme ids. Raises InvalidInput."""
        return ids_of(config, self.phonemes)


@dataclass(frozen=True)
class Written:
    """A set of sentences as it is written: in the files of ttsdash, or of the user."""

    name: str
    sentences: tuple[str, ...]
    kind: SentenceKind = SentenceKind.WRITTEN


@dataclass(frozen=True)
class SpokenSentences:
    """Sentences that a voice can say."""

    name: str
    """With the language and the version of written ones: `sv v1`."""
    kind: SentenceKind
    sentences: tuple[Sentence, ...]
    note: str | None = None
    """Why they are not the written ones as they are, if so."""

    @property
    def label(self) -> str:
        """Return the name with the note."""
        return label_with(self.name, self.note)


def label_with(name: str, note: str | None) -> str:
    """Return the name of a set with the note on why it was used."""
    return f"{name} ({note})" if note else name


def family_of(language: str) -> str:
    """Return the code of a voice's language without its region: `en` for `en_US`, `no` for `nb`."""
    family = language.replace("-", "_").split("_")[0].lower()
    return _ALIASES.get(family, family)


def read_written(folder: Path, language: str, key: str) -> tuple[str, Any] | None:
    """Return the name and the content under `key` of a language's file in `folder`, None if there is none."""
    # The language comes from the voice's file: it must not name a path.
    files = {path.stem: path for path in folder.glob("*.json")}
    family = family_of(language)
    if family not in files:
        return None
    content = json.loads(files[family].read_text(encoding="utf-8"))
    return f"{family} v{content['version']}", content[key]


def spoken_sentences(
    config: dict[str, Any], language: str, written: Written | None, lengths: Sequence[int], purpose: str
) -> SpokenSentences:
    """Return the written sentences if the voice can say them, else generated ones of these lengths in phonemes.

    Raises InvalidInput for a voice that piper-tts has no phonemes for.
    """
    if written is None:
        return _generated(config, lengths, purpose, f"no sentences in {truncate(language, 20)!r}")
    found, refusal = _spoken(config, written)
    return found or _generated(config, lengths, purpose, f"it cannot say {written.name}: {refusal}")


def spoken_file(config: dict[str, Any], language: str, path: Path, name: str) -> SpokenSentences:
    """Return the sentences of a user's file under a name. Raises InvalidInput if the voice cannot say one of them."""
    found, refusal = _spoken(config, Written(name, tuple(read_sentences(path)), SentenceKind.FILE))
    if found and found.note is None:
        return replace(found, note="a file of the user")
    if found is None:
        raise InvalidInput(
            f"{path}: the voice has no phonemes for {refusal}: write it in the voice's language ({language})"
        )
    return found


def check_sentence(config: dict[str, Any], text: str) -> Sentence:
    """Return a short text, or a generated sentence if the voice cannot say it. Raises InvalidInput."""
    written = Written("check", (text,))
    return spoken_sentences(config, "", written, [len(text)], "check").sentences[0]


def _spoken(config: dict[str, Any], written: Written) -> tuple[SpokenSentences | None, str]:
    """Return the sentences, in lower case if the voice has only that; or None, and what the voice cannot say."""
    found, refusal = _sayable(config, written.sentences)
    if found:
        return SpokenSentences(written.name, written.kind, found), ""
    # For such voices, piper-tts takes the letters as they are.
    if config.get("phoneme_type") == "text":
        found, refusal = _sayable(config, [text.lower() for text in written.sentences])
        if found:
            note = "the voice has no capital letters"
            return SpokenSentences(f"{written.name} in lower case", written.kind, found, note), ""
    return None, refusal


def _sayable(config: dict[str, Any], texts: Sequence[str]) -> tuple[tuple[Sentence, ...], str]:
    """Return all sentences, or none and which one cannot be said."""
    found = []
    for number, text in enumerate(texts, 1):
        phonemes = phonemes_of(config, text)
        if phonemes.dropped_share > MAX_DROPPED:
            return (), _describe(number, phonemes.dropped, phonemes.dropped_share)
        found.append(Sentence(text, phonemes.all))
    return tuple(found), ""


def _describe(number: int, dropped: Sequence[str], share: float) -> str:
    named = list(dict.fromkeys(filter(is_sound, dropped)))
    if not named:
        return f"sentence {number}, which has no sounds"
    more = ", …" if len(named) > _MAX_NAMED else ""
    return f"{share * 100:.0f} % of sentence {number} ({', '.join(named[:_MAX_NAMED])}{more})"


def _generated(config: dict[str, Any], lengths: Sequence[int], purpose: str, note: str) -> SpokenSentences:
    sentences = tuple(Sentence("".join(phonemes), phonemes) for phonemes in generate(config, lengths, purpose))
    return SpokenSentences(f"generated v{VERSION}", SentenceKind.GENERATED, sentences, f"from its phonemes: {note}")
