"""Speaks a text on the command line: through the running service, or in this process."""

import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from core.errors import InvalidInput, TtsdashError, format_error
from core.hardware.detection import allowed_cores
from core.workspace import Workspace
from serve.address import running_service
from serve.client import ServiceClient
from serve.formats.encoder import wav_header
from serve.formats.pcm import to_pcm
from serve.playback import player_command
from serve.request import SpeechRequest
from serve.sentences import SentenceStream
from serve.speech import speak
from serve.voices import Voices


@dataclass(frozen=True)
class Speaking:
    """How a text is to be spoken, and where it goes."""

    voice: str | None = None
    speaker: str | None = None
    speed: float = 1.0
    file: Path | None = None
    to_stdout: bool = False
    play: bool = False

    def request(self, text: str) -> SpeechRequest:
        """Return the request for a sentence."""
        return SpeechRequest(text, self.voice, self.speaker, self.speed)


class _Speaker(Protocol):
    """Something that speaks sentences, in this process or in the service."""

    dropped: list[str]
    """The phonemes that were left out so far."""

    def speak(self, request: SpeechRequest) -> Iterator[tuple[int, bytes]]:
        """Yield the rate, and samples of 16 bits, as they are computed."""
        ...


def speak_text(workspace: Workspace, pieces: Iterable[str], how: Speaking) -> Sequence[str]:
    """Speak a text that arrives in pieces, and return the phonemes that the voice does not have.

    Raises InvalidInput for a text without a sound and for an output that cannot be written; NotFound for an unknown voice.
    """
    address = running_service(workspace)
    speaker: _Speaker = ServiceClient(address) if address else _Local(workspace, how)
    begun = False
    with _outputs(how) as outputs:
        for sentence in _sentences(pieces):
            request = how.request(sentence)
            for number, (rate, samples) in enumerate(speaker.speak(request)):
                between = bytes(2 * round(request.sentence_silence_s * rate)) if begun and not number else b""
                begun = True
                for output in outputs:
                    output.write(rate, between + samples)
    if not begun:
        raise InvalidInput("nothing of the text can be spoken: give a text with words of the voice's language")
    return speaker.dropped


def _sentences(pieces: Iterable[str]) -> Iterator[str]:
    stream = SentenceStream()
    for piece in pieces:
        yield from stream.add(piece)
    yield from stream.finish()


class _Local:
    """A voice that is loaded in this process."""

    def __init__(self, workspace: Workspace, how: Speaking) -> None:
        voices = Voices(workspace, [how.voice] if how.voice else [], allowed_cores())
        self._voice = voices.load(warm=False)
        self._manner = self._voice.manner_of(how.request(""))
        self.dropped: list[str] = []

    def speak(self, request: SpeechRequest) -> Iterator[tuple[int, bytes]]:
        spoken = self._voice.phonemizer.phonemize(request.text)
        self.dropped += [one for one in spoken.dropped if one not in self.dropped]
        for chunk in speak([spoken], self._voice, self._manner, request, None):
            yield self._voice.sample_rate, to_pcm(chunk)


class _Output(Protocol):
    def write(self, rate: int, samples: bytes) -> None: ...

    def close(self) -> None: ...


class _WavFile:
    """A WAV with its true length if the file allows going back, else with an unknown one."""

    def __init__(self, path: Path | None) -> None:
        """Take the path of a file, which is created when there is something to write; None for standard output."""
        self._path, self._written, self._rate = path, 0, 0
        self._file: BinaryIO | None = None

    def write(self, rate: int, samples: bytes) -> None:
        if self._file is None:
            self._rate, self._file = rate, self._open()
            self._file.write(wav_header(rate))
        self._file.write(samples)
        self._file.flush()
        self._written += len(samples)

    def close(self) -> None:
        if self._file is None:
            return
        if self._file.seekable():
            self._file.seek(0)
            self._file.write(wav_header(self._rate, self._written))
        if self._path is not None:
            self._file.close()

    def _open(self) -> BinaryIO:
        if self._path is None:
            return sys.stdout.buffer
        try:
            return self._path.open("wb")
        except OSError as error:
            raise InvalidInput(f"cannot write {self._path} ({format_error(error)})") from error


class _Playing:
    """A program that plays what it is sent."""

    def __init__(self) -> None:
        self._command = player_command()
        self._process: subprocess.Popen[bytes] | None = None

    def write(self, rate: int, samples: bytes) -> None:
        if self._process is None:
            command = [part.replace("RATE", str(rate)) for part in self._command]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE)
        assert self._process.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
        self._process.stdin.write(samples)
        self._process.stdin.flush()

    def close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            if self._process.wait():
                raise TtsdashError(f"{self._command[0]} could not play: check the audio device, or use --output FILE")


@contextmanager
def _outputs(how: Speaking) -> Iterator[list[_Output]]:
    """Yield what the samples go to."""
    outputs: list[_Output] = []
    if how.file or how.to_stdout:
        outputs.append(_WavFile(how.file))
    if how.play or not outputs:
        outputs.append(_Playing())
    with ExitStack() as stack:
        for output in outputs:
            stack.callback(output.close)
        yield outputs
