"""Let every speaker of a voice speak that its configuration has; the first and the last one stand for those between."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import reason_of
from core.voices.config import MOST_SPEAKERS
from core.voices.faults import Fault, FaultFound
from core.voices.trial_audio import judge_audio

Audio = npt.NDArray[Any]
_LARGEST_ID = 2**62


def check_speakers(voice: Any, sentences: list[list[int]]) -> list[Audio]:
    """Return the audio of the default speaker, by sentence. Raises FaultFound."""
    config, first = voice.config, sentences[0]
    needs_speaker = any(entry.name == "sid" for entry in voice.session.get_inputs())
    several = config.num_speakers > 1
    if needs_speaker and not several:
        raise FaultFound(Fault.SPEAKER_INPUT, speakers=_count(voice, first))
    if several and config.default_speaker_id is None:
        raise FaultFound(Fault.DEFAULT_SPEAKER, value="null")
    try:
        spoken = [_speak(voice, ids, config.default_speaker_id) for ids in sentences]
    except Exception as error:
        if several and _speaks(voice, first, 0):
            raise FaultFound(Fault.DEFAULT_SPEAKER, value=json.dumps(config.default_speaker_id)) from error
        raise FaultFound(Fault.RUN, reason=reason_of(error)) from error
    for audio in spoken:
        judge_audio(audio)
    if several:
        _check_others(voice, first)
    return spoken


def _check_others(voice: Any, ids: list[int]) -> None:
    config = voice.config
    last = int(config.num_speakers) - 1
    if not _speaks(voice, ids, last):
        raise FaultFound(Fault.SPEAKERS, value=str(config.num_speakers), speakers=_count(voice, ids))
    named = config.speaker_id_map.items() if isinstance(config.speaker_id_map, dict) else ()
    numbers = {name: number for name, number in named if isinstance(number, int) and abs(number) < _LARGEST_ID}
    for name in (
        sorted(numbers, key=lambda name: numbers[name])[:1] + sorted(numbers, key=lambda name: numbers[name])[-1:]
    ):
        if not 0 <= numbers[name] <= last and not _speaks(voice, ids, numbers[name]):
            raise FaultFound(Fault.SPEAKER_MAP, name=name, value=numbers[name], speakers=_count(voice, ids))


def _count(voice: Any, ids: list[int]) -> int:
    """Return how many speakers the model has: the first id that it refuses, by halving.

    A model that refuses none does not look at the id; Piper provides one if there are two speakers.
    """
    low, high = 0, 1
    while _speaks(voice, ids, high):
        low, high = high, high * 2
        if low > MOST_SPEAKERS:
            return 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _speaks(voice, ids, middle) else (low, middle)
    return high


def _speaks(voice: Any, ids: list[int], speaker: int) -> bool:
    try:
        judge_audio(_run(voice, ids, speaker))
    except Exception:  # noqa: BLE001 - ONNX Runtime has one type of error for everything
        return False
    return True


def _speak(voice: Any, ids: list[int], speaker: int) -> Audio:
    """Return the audio of a sentence as Piper makes it, before its volume is changed."""
    from piper.config import SynthesisConfig

    return np.asarray(voice.phoneme_ids_to_audio(ids, SynthesisConfig(speaker_id=speaker)))


def _run(voice: Any, ids: list[int], speaker: int) -> Audio:
    """Return the audio of a speaker, also of a voice whose configuration has only one."""
    config = voice.config
    feeds = {
        "input": np.array([ids], dtype=np.int64),
        "input_lengths": np.array([len(ids)], dtype=np.int64),
        "scales": np.array([config.noise_scale, config.length_scale, config.noise_w_scale], dtype=np.float32),
        "sid": np.array([speaker], dtype=np.int64),
    }
    names = {entry.name for entry in voice.session.get_inputs()}
    return np.asarray(
        voice.session.run(None, {name: value for name, value in feeds.items() if name in names})[0]
    ).squeeze()
