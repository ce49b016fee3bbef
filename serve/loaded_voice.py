"""A voice that is loaded: its selected variant, ready to speak."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np

from core.engines.chunk_schedule import DEFAULT_SCHEDULE, Schedule, schedule_for
from core.engines.engine import Audio
from core.engines.streaming import Scales, StreamingVoice
from core.engines.voice_parts import kept_parts
from core.errors import InvalidInput
from core.files import mkdir_private, replace_text
from core.quantize.calibration import calibration_sentences
from core.records.voices import Variant, Voice
from core.variants.checksums import integrity_error
from core.vits.piper_session import PiperSession
from core.voices.config import USUAL_SCALES
from serve.errors import UnknownVoice
from serve.loudness import gain_of
from serve.phonemes import Phonemizer, Utterance
from serve.request import SpeechRequest

_WARM_UP = 3


@dataclass(frozen=True)
class Manner:
    """How sentences are spoken: the speaker, and the scales of the model."""

    speaker: int
    scales: Scales
    length_factor: float
    """How long sounds are, relative to the voice's usual speed."""


@dataclass(frozen=True)
class Calibration:
    """What is measured of a variant when it speaks for the first time on this machine."""

    real_time_factor: float
    """Seconds that one thread computes for a second of audio."""
    seconds_per_id: float
    """Seconds of audio for each phoneme id."""
    gain: float

    @classmethod
    def read(cls, folder: Path, variant: Variant) -> Self | None:
        """Return what was measured before; None if nothing was."""
        try:
            return cls(**json.loads(_calibration_file(folder, variant).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, folder: Path, variant: Variant) -> None:
        """Keep it for the next time, if the disk allows that."""
        with suppress(OSError):
            mkdir_private(folder)
            replace_text(_calibration_file(folder, variant), [json.dumps(asdict(self))])


def _calibration_file(folder: Path, variant: Variant) -> Path:
    return folder / f"{variant.sha256}.json"


class LoadedVoice:
    """A variant of a voice, once for one thread and once for all cores: one listener gets all, several one each."""

    def __init__(self, voice: Voice, variant: Variant, parts_folder: Path, cores: int) -> None:
        """Load the variant. Raises InvalidInput if its files are damaged."""
        error = integrity_error(Path(variant.path), variant.sha256, voice.config_of(variant))
        if error:
            fix = "make it again" if variant.recipe else "add the voice again"
            raise InvalidInput(f"{variant.name} of {voice.key} cannot be loaded ({error}): {fix}")
        self.voice, self.variant = voice, variant
        self.sample_rate = voice.sample_rate
        self.phonemizer = Phonemizer(voice.config)
        self._engines = _Engines(variant, parts_folder, cores)
        known = Calibration.read(parts_folder, variant)
        self.calibration = known or self._measure()
        """How fast and how loud it speaks. It stays the same, so that the voice is as loud as ever."""
        if known is None:
            self.calibration.write(parts_folder, variant)

    @property
    def schedule(self) -> Schedule:
        """Return how its sentences are cut into chunks."""
        return schedule_for(self.calibration.real_time_factor, self._engines.overlap)

    def warm_up(self) -> None:
        """Let each engine speak, which takes a second, so that the first request is as fast as the others."""
        self._measure()

    def _measure(self) -> Calibration:
        """Speak some sentences with each engine."""
        sentences = calibration_sentences(self.voice.config, self.voice.language, None).sentences[:_WARM_UP]
        utterances = [Utterance(tuple(sentence.ids(self.voice.config))) for sentence in sentences]
        manner = self.manner_of(SpeechRequest(""))
        spoken, factors = list[Audio](), list[float]()
        for alone in (True, False):
            for utterance in utterances:
                start = time.perf_counter()
                audio = np.concatenate(list(self._engines.stream(utterance, manner, DEFAULT_SCHEDULE, alone)))
                factors.append((time.perf_counter() - start) * self.sample_rate / max(len(audio), 1))
                spoken.append(audio)
        seconds = sum(map(len, spoken)) / self.sample_rate
        return Calibration(
            # The last ones are those of one thread.
            real_time_factor=float(np.median(factors[len(utterances) :])),
            seconds_per_id=seconds / (2 * sum(len(utterance.ids) for utterance in utterances)),
            gain=gain_of(spoken),
        )

    def manner_of(self, request: SpeechRequest) -> Manner:
        """Return the manner that a request asks for. Raises UnknownVoice for a speaker that the voice does not have."""
        usual = {**USUAL_SCALES, **self.voice.config.get("inference", {})}
        noise = usual["noise_scale"] if request.noise is None else request.noise
        noise_w = usual["noise_w"] if request.noise_w is None else request.noise_w
        length = usual["length_scale"] if request.length_scale is None else request.length_scale
        scales = Scales(float(noise), float(length) / request.speed, float(noise_w))
        return Manner(self._speaker(request.speaker), scales, scales.length / float(usual["length_scale"]))

    def speak(self, utterance: Utterance, manner: Manner, alone: bool) -> Iterator[Audio]:
        """Yield the audio of an utterance in chunks, as the model computes it; on all cores if it is the only one."""
        return self._engines.stream(utterance, manner, self.schedule, alone)

    def _speaker(self, wanted: str | int | None) -> int:
        names = self.voice.config.get("speaker_id_map") or {}
        if wanted is None:
            return 0
        if isinstance(wanted, str) and wanted in names:
            return int(names[wanted])
        if str(wanted).isdecimal() and int(wanted) < max(1, self.voice.speakers):
            return int(wanted)
        known = f"one of {', '.join(list(names)[:5])}" if names else f"0 to {max(1, self.voice.speakers) - 1}"
        raise UnknownVoice(f"{self.voice.key} has no speaker {wanted!r}: {known}", "speaker")


class _Engines:
    """The sessions of a variant: streamed where it can be split, else whole sentences."""

    def __init__(self, variant: Variant, parts_folder: Path, cores: int) -> None:
        path = Path(variant.path)
        self._split: tuple[StreamingVoice, StreamingVoice] | None = None
        try:
            parts = kept_parts(path, variant.sha256, parts_folder)
            one = StreamingVoice(parts, 1)
            self._split = one, (StreamingVoice(parts, cores) if cores > 1 else one)
        except InvalidInput:
            session = PiperSession(path, 1)
            self._whole = session, (PiperSession(path, cores) if cores > 1 else session)

    @property
    def overlap(self) -> int:
        """Return the frames of a chunk that are computed besides its own."""
        return 2 * self._split[0].split_point.decoder_field if self._split else 0

    def stream(self, utterance: Utterance, manner: Manner, schedule: Schedule, alone: bool) -> Iterator[Audio]:
        scales = manner.scales
        if self._split:
            yield from self._split[alone].stream(utterance.ids, scales, manner.speaker, schedule)
        else:
            run = self._whole[alone].run
            audio = run(utterance.ids, scales.noise, scales.length, scales.noise_w, manner.speaker)[0]
            yield audio.reshape(-1).astype(np.float32, copy=False)
