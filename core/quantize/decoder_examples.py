"""What a decoder gets and makes while the voice speaks: the examples on which a smaller decoder is fitted."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from core.errors import InvalidInput
from core.quantize.calibration import tensor_values
from core.seed import SEED
from core.vits.convolution import Weights
from core.voices.phonemes import ids_of
from core.voices.spoken_sentences import Sentence

# Utterances, at most, of a voice with many speakers.
_MAX_UTTERANCES = 512
# Words of a sentence that is put together from those of others.
_WORDS = (4, 14)
# Samples of the audio in an excerpt, and excerpts of an utterance.
_EXCERPT, _EXCERPTS = 16384, 2


@dataclass(frozen=True)
class Excerpt:
    """A part of an utterance."""

    x: npt.NDArray[np.float16]
    """The input, [channels, samples]."""
    audio: Weights


def collect_excerpts(
    model: onnx.ModelProto,
    tensors: tuple[str, str],
    config: dict[str, Any],
    sentences: Sequence[Sentence],
    count: int,
    on_utterance: Callable[[int, int], None],
) -> list[Excerpt]:
    """Return parts of utterances: two tensors, the input, [1, channels, samples], and the audio before its tanh.

    There are `count` utterances, or one for each speaker if those are more, up to a limit. `on_utterance` takes the number of each, and how many there are. Raises
    InvalidInput if the sentences are too short.
    """
    random = np.random.default_rng(SEED)
    count = min(max(count, int(config.get("num_speakers", 1))), _MAX_UTTERANCES)
    utterances = [ids_of(config, phonemes) for phonemes in shuffled(sentences, count, random)]
    found: list[Excerpt] = []
    for number, values in enumerate(tensor_values(model, tensors, config, utterances)):
        on_utterance(number + 1, count)
        found += _excerpts(values[tensors[0]][0], np.tanh(values[tensors[1]].reshape(-1)), random)
    if not found:
        raise InvalidInput("the calibration sentences are too short to fit a decoder: give longer ones (--calibration)")
    return found


def _excerpts(x: Weights, audio: Weights, random: np.random.Generator) -> Iterator[Excerpt]:
    samples = x.shape[1]
    hop = len(audio) // samples
    length = min(samples, _EXCERPT // hop)
    if length * hop < _EXCERPT // 4:
        return
    for begin in random.integers(samples - length + 1, size=_EXCERPTS):
        end = begin + length
        yield Excerpt(x[:, begin:end].astype(np.float16), audio[begin * hop : end * hop].copy())


def shuffled(sentences: Sequence[Sentence], count: int, random: np.random.Generator) -> Iterator[tuple[str, ...]]:
    """Yield the phonemes of the sentences, then of new ones from their words in another order."""
    words = [word for sentence in sentences for word in _words(sentence.phonemes)]
    for number in range(count):
        if number < len(sentences):
            yield sentences[number].phonemes
            continue
        chosen = random.choice(len(words), random.integers(*_WORDS, endpoint=True))
        yield tuple(phoneme for word in chosen for phoneme in (*words[word], " "))


def _words(phonemes: Sequence[str]) -> Iterator[tuple[str, ...]]:
    word: list[str] = []
    for phoneme in (*phonemes, " "):
        if phoneme != " ":
            word.append(phoneme)
        elif word:
            yield tuple(word)
            word = []
