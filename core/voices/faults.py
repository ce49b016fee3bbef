"""Why a voice cannot speak: one cause each, with what is wrong in one line and the fix."""

from enum import StrEnum
from pathlib import Path
from typing import Any

from core.errors import InvalidInput
from core.processes import pip_install
from core.text import truncate

_LONGEST_FACT = 100
_PACKAGES = ("piper-tts", "onnxruntime")


class Fault(StrEnum):
    """A cause. The trial finds it by the step that failed, never by the text of an error."""

    PIPER = "piper"
    PHONEME_TYPE = "phoneme type"
    CONFIG = "configuration"
    ESPEAK_VOICE = "espeak voice"
    PACKAGES = "packages"
    RESOURCES = "resources"
    LOAD = "load"
    EXTRA_INPUT = "extra input"
    MISSING_INPUT = "missing input"
    INPUT_TYPE = "input type"
    SPEAKER_INPUT = "speaker input"
    DEFAULT_SPEAKER = "default speaker"
    SPEAKERS = "speakers"
    SPEAKER_MAP = "speaker map"
    MARKS = "marks"
    PHONEMES = "phonemes"
    RUN = "run"
    SCALE = "scale"
    NOT_AUDIO = "not audio"
    NOT_NUMBERS = "not numbers"
    SPECTROGRAM = "spectrogram"
    CHANNELS = "channels"
    NOT_FINITE = "not finite"
    SILENT = "silent"
    RATE = "rate"
    LENGTH = "length"
    MEMORY = "memory"
    TIMEOUT = "timeout"
    CRASH = "crash"


class FaultFound(Exception):
    """A step of a trial found a fault, with the facts that its line names."""

    def __init__(self, fault: Fault, **facts: Any) -> None:
        super().__init__(fault)
        self.fault = fault
        self.facts = facts


_AGAIN = "get the voice's files again, or export it again"
_LINES: dict[Fault, tuple[str, str]] = {
    Fault.PIPER: ("piper-tts does not work here ({reason})", "{reinstall}"),
    Fault.PHONEME_TYPE: (
        "{config} has a phoneme_type that Piper does not know, {value}",
        "set phoneme_type to {choices}",
    ),
    Fault.CONFIG: ("Piper cannot read {config} ({reason})", "get the configuration of this model again"),
    Fault.ESPEAK_VOICE: (
        "{config} names a voice that espeak-ng does not know, {value!r}",
        "set espeak.voice to {choice!r}",
    ),
    Fault.PACKAGES: ("{model} needs more packages for its phonemes ({value})", "{install}"),
    Fault.RESOURCES: ("{model} needs a model for its phonemes ({value}), which is not here yet", "{download}"),
    Fault.LOAD: ("ONNX Runtime {version} cannot load {model} ({reason})", _AGAIN),
    Fault.EXTRA_INPUT: (
        "{model} needs the {inputs}, which Piper does not provide",
        "export it with no inputs but input, input_lengths, scales, and sid for several speakers",
    ),
    Fault.MISSING_INPUT: (
        "{model} lacks the {inputs}, which Piper provides",
        "export it with the inputs input, input_lengths, scales, and sid for several speakers",
    ),
    Fault.INPUT_TYPE: (
        "{model} has an input that does not take what Piper provides: {name} is {found}, not {expected}",
        "export it again with the types and free lengths of Piper's own export",
    ),
    Fault.SPEAKER_INPUT: (
        "{model} needs the input sid, but {config} has one speaker",
        "set num_speakers to {speakers}",
    ),
    Fault.DEFAULT_SPEAKER: (
        "{config} has a default_speaker_id that the model does not have, {value}",
        "set default_speaker_id to 0",
    ),
    Fault.SPEAKERS: (
        "{config} has {value} speakers, but the model has {speakers}",
        "set num_speakers to {speakers}, unless it is another voice's file",
    ),
    Fault.SPEAKER_MAP: (
        "{config} has speaker {name!r} with id {value}, but the model has {speakers}, from 0 on",
        "remove it from speaker_id_map",
    ),
    Fault.MARKS: (
        "{config} lacks {names} in its phoneme_id_map, without which Piper cannot speak",
        "get the configuration of this model again",
    ),
    Fault.PHONEMES: (
        "{config} has no id for any phoneme of {text!r}, so that nothing would be spoken",
        "get the configuration of this model again",
    ),
    Fault.RUN: ("ONNX Runtime fails when {model} speaks {text!r} ({reason})", _AGAIN),
    Fault.SCALE: ("{config} has a {scales}, with which {model} {effect}", "remove {names} from its inference"),
    Fault.NOT_AUDIO: (
        "{model} returns an array of shape {shape} instead of samples",
        "add a whole voice, not a part of one such as encoder.onnx",
    ),
    Fault.NOT_NUMBERS: (
        "{model} returns values of type {found} instead of samples",
        "export it with its audio, as numbers, as the first output",
    ),
    Fault.SPECTROGRAM: (
        "{model} returns a spectrogram of {count} bands instead of audio",
        "export it in one model with the vocoder that makes audio of spectrograms",
    ),
    Fault.CHANNELS: ("{model} returns {count} channels, but Piper plays one", "export it with one channel"),
    Fault.NOT_FINITE: ("{model} returns audio with values that are not numbers", _AGAIN),
    Fault.SILENT: ("{model} returns silence for {text!r}", _AGAIN),
    Fault.RATE: (
        "{model} speaks {text!r} in {seconds:.3g} s at the {value} Hz of {config}, which is implausible",
        "set audio.sample_rate to {rate}",
    ),
    Fault.LENGTH: ("{model} speaks {text!r} in {seconds:.3g} s at {value} Hz, which is implausible", _AGAIN),
    Fault.MEMORY: ("{model} {exceeding} to speak {text!r}", _AGAIN),
    Fault.TIMEOUT: ("{model} {exceeding} to speak {text!r}", _AGAIN),
    Fault.CRASH: ("ONNX Runtime crashes when {model} speaks {text!r} ({reason})", _AGAIN),
}
_OF_THE_MACHINE = {Fault.PIPER, Fault.PACKAGES, Fault.RESOURCES}


class CannotSpeak(InvalidInput):
    """A voice that does not speak. The message is the problem with its fix."""

    def __init__(self, fault: Fault, model: Path, facts: dict[str, Any]) -> None:
        shown = {
            name: truncate(value, _LONGEST_FACT) if isinstance(value, str) else value for name, value in facts.items()
        }
        # Commands are not shortened.
        shown |= {name: facts[name] for name in ("install", "download") if name in facts}
        shown |= {"model": model, "config": f"{model}.json", "reinstall": pip_install("--force-reinstall", *_PACKAGES)}
        problem, fix = (line.format(**shown) for line in _LINES[fault])
        super().__init__(f"{problem}: {fix}")
        self.fault = fault
        self.problem = problem
        self.fix = fix

    @property
    def is_of_files(self) -> bool:
        """Return whether the voice's files are to be changed, not what is installed."""
        return self.fault not in _OF_THE_MACHINE
