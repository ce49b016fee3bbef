"""Sentences to train on, and others to judge by.

Words of a language's written sentences in random order, and every few sentences one made of the voice's own phonemes, which
has sounds and sequences that the words do not; only such ones for a voice that can say no written sentences. The sentences
to judge by are the written ones as they are, without noise.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.quantize.calibration import calibration_sentences, written_sentences
from core.seed import SEED
from core.voices.generated import generate
from core.voices.phonemes import ids_of
from core.voices.spoken_sentences import SentenceKind, Written, spoken_sentences

# Words in a sentence, and phonemes in a generated one.
_WORDS = 3, 14
_PHONEMES = 12, 90
_ENDS = ".", ".", ".", "?", "!"
_PAUSES = ",", ",", ",", ";", ":"
_PAUSE_AFTER = 0.12
# Of a batch of sentences that are converted to phonemes together, those that are generated.
_BATCH, _GENERATED = 20, 5
# A voice is used with other scales than the usual ones, too.
_NOISE_SCALES = 0.0, 0.333, 0.667, 0.667, 1.0
_LENGTH_SCALES = 0.75, 0.9, 1.0, 1.0, 1.15, 1.4
_NOISE_WS = 0.0, 0.4, 0.8


@dataclass(frozen=True)
class Utterance:
    """A sentence, and how it is spoken."""

    ids: tuple[int, ...]
    noise_scale: float = 0.0
    length_scale: float = 1.0
    noise_w: float = 0.0
    speaker: int = 0


def training_utterances(config: dict[str, Any], language: str) -> Iterator[Utterance]:
    """Yield utterances without end, the same ones each time, by each speaker in turn. Raises InvalidInput."""
    speakers, number = max(1, int(config.get("num_speakers", 1))), 0
    dice = random.Random(f"{SEED} scales of training")  # noqa: S311 - reproducible, not secret
    for batch in _batches(config, language):
        for ids in batch:
            yield Utterance(
                tuple(ids),
                dice.choice(_NOISE_SCALES),
                dice.choice(_LENGTH_SCALES),
                dice.choice(_NOISE_WS),
                number % speakers,
            )
            number += 1


def held_out_utterances(config: dict[str, Any], language: str) -> list[Utterance]:
    """Return the utterances to judge by, by each speaker in turn. Raises InvalidInput."""
    speakers = max(1, int(config.get("num_speakers", 1)))
    sentences = calibration_sentences(config, language, None).sentences
    return [
        Utterance(tuple(sentence.ids(config)), speaker=number % speakers) for number, sentence in enumerate(sentences)
    ]


def _batches(config: dict[str, Any], language: str) -> Iterator[list[list[int]]]:
    written, number = written_sentences(language), 0
    while True:
        dice = random.Random(f"{SEED} training {number}")  # noqa: S311 - reproducible, not secret
        spoken = _said(config, language, written, dice) if written else []
        lengths = [dice.randint(*_PHONEMES) for _ in range(_GENERATED if spoken else _BATCH)]
        generated = [ids_of(config, phonemes) for phonemes in generate(config, lengths, f"training {number}")]
        mixed = spoken + generated
        dice.shuffle(mixed)
        yield mixed
        number += 1


def _said(config: dict[str, Any], language: str, written: Written, dice: random.Random) -> list[list[int]]:
    """Return sentences of shuffled words; none if the voice cannot say them."""
    texts = tuple(_shuffled(written, dice) for _ in range(_BATCH - _GENERATED))
    found = spoken_sentences(config, language, Written("training", texts), [1], "training")
    if found.kind is SentenceKind.GENERATED:
        return []
    return [sentence.ids(config) for sentence in found.sentences]


def _shuffled(written: Written, dice: random.Random) -> str:
    """Return a sentence of words from all sentences, with pauses and an end."""
    words = [word.strip(".,;:!?") for sentence in written.sentences for word in sentence.split()]
    chosen = [dice.choice(words).lower() for _ in range(dice.randint(*_WORDS))]
    paused = [word + (dice.choice(_PAUSES) if dice.random() < _PAUSE_AFTER else "") for word in chosen[:-1]]
    return " ".join([*paused, chosen[-1]]).capitalize() + dice.choice(_ENDS)
