"""From a request to the audio of a voice, sentence by sentence."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from serve.errors import Silent
from serve.loaded_voice import LoadedVoice, Manner
from serve.loudness import amplify
from serve.phonemes import Spoken
from serve.request import SpeechRequest
from serve.scheduler import Chunks, Scheduler, Stream
from serve.sentences import sentences_of


@dataclass(frozen=True)
class Speech:
    """A request that is being answered: chunks of float samples, -1..1, as they are computed."""

    voice: LoadedVoice
    stream: Stream
    dropped: tuple[str, ...]
    """Phonemes that the voice has no id for, which are not spoken."""
    started: float

    @property
    def sample_rate(self) -> int:
        """Return the samples a second."""
        return self.voice.sample_rate


async def start_speech(request: SpeechRequest, voice: LoadedVoice, scheduler: Scheduler) -> Speech:
    """Begin to speak. Raises Refused: Silent for a text without a sound, Busy, UnknownVoice for a speaker."""
    started = time.monotonic()
    manner = voice.manner_of(request)
    spoken = await asyncio.to_thread(_phonemized, request.text, voice)
    if not any(one.utterances for one in spoken):
        raise Silent("nothing of the text can be spoken", "text")
    ids = sum(len(utterance.ids) for one in spoken for utterance in one.utterances)
    calibration = voice.calibration
    estimate_s = ids * calibration.seconds_per_id * manner.length_factor * calibration.real_time_factor
    chunks = speak(spoken, voice, manner, request, scheduler)
    stream = scheduler.submit(chunks, voice.sample_rate, estimate_s)
    return Speech(voice, stream, tuple(dict.fromkeys(one for each in spoken for one in each.dropped)), started)


def _phonemized(text: str, voice: LoadedVoice) -> list[Spoken]:
    return [voice.phonemizer.phonemize(sentence) for sentence in sentences_of(text)]


def speak(
    spoken: Iterable[Spoken], voice: LoadedVoice, manner: Manner, request: SpeechRequest, scheduler: Scheduler | None
) -> Chunks:
    """Yield the audio of sentences in chunks, with silence between them."""
    silence = np.zeros(round(request.sentence_silence_s * voice.sample_rate), np.float32)
    gain = voice.calibration.gain * request.volume
    begun = False
    for sentence in spoken:
        for utterance in sentence.utterances:
            if begun and len(silence):
                yield silence
            alone = scheduler is None or scheduler.is_alone()
            for chunk in voice.speak(utterance, manner, alone):
                begun = True
                yield amplify(chunk, gain)
