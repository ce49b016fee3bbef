"""The Wyoming protocol, by which Home Assistant speaks: a text as a whole, or in pieces as they are written.

(Events and their order: github.com/OHF-Voice/wyoming.) A reply is one `audio-start`, chunks, and one `audio-stop`, since Home
Assistant reads no further. Events that are not known are ignored.
"""

import asyncio
import socket
import time
from contextlib import aclosing, suppress

import numpy as np
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable
from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice, TtsVoiceSpeaker
from wyoming.server import AsyncEventHandler
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeTextFormat,
    SynthesizeVoice,
)

from core import program_version
from core.errors import TtsdashError
from core.records.voices import Voice
from serve.errors import Refused, Silent
from serve.formats.pcm import to_pcm
from serve.request import SpeechRequest
from serve.sentences import SentenceStream, sentences_of
from serve.speech import start_speech
from serve.state import Service

_MOST_SENTENCES = 64
"""Sentences that wait to be spoken, at most: whoever writes faster has to wait."""
_ATTRIBUTION = Attribution(name="Piper", url="https://github.com/OHF-Voice/piper1-gpl")


async def start_wyoming(service: Service, listener: socket.socket) -> asyncio.Server:
    """Answer the clients of a socket that listens."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client that leaves, or that sends something else than events; the end of the service.
        with suppress(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, asyncio.CancelledError):
            await _Connection(service, reader, writer).run()

    return await asyncio.start_server(connected, sock=listener)


class _Connection(AsyncEventHandler):
    """One client, with one reply at a time."""

    def __init__(self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._service = service
        self._pieces: SentenceStream | None = None
        """The text of a streamed request; None if there is none."""
        self._sentences: asyncio.Queue[str | None] = asyncio.Queue(_MOST_SENTENCES)
        self._speaking: asyncio.Task[None] | None = None

    async def handle_event(self, event: Event) -> bool:
        """Answer an event. Returns False to close the connection, after an error."""
        try:
            await self._handle(event)
        except TtsdashError as error:
            self._service.statistics.count_error()
            await self._write(Error(text=str(error), code=type(error).__name__))
            return False
        return True

    async def disconnect(self) -> None:
        """Stop speaking for a client that has left."""
        if self._speaking is not None:
            self._speaking.cancel()
            with suppress(asyncio.CancelledError, OSError, TtsdashError):
                await self._speaking

    async def _handle(self, event: Event) -> None:
        if Describe.is_type(event.type):
            await self._write(describe(self._service))
        elif SynthesizeStart.is_type(event.type):
            start = SynthesizeStart.from_event(event)
            _require_text(start.text_format)
            await self.disconnect()
            self._pieces, self._sentences = SentenceStream(), asyncio.Queue(_MOST_SENTENCES)
            self._speaking = asyncio.create_task(self._speak(start.voice))
        elif SynthesizeChunk.is_type(event.type) and self._pieces is not None:
            for sentence in self._pieces.add(SynthesizeChunk.from_event(event).text):
                await self._put(sentence)
        elif SynthesizeStop.is_type(event.type) and self._pieces is not None:
            await self._finish(self._pieces)
        elif Synthesize.is_type(event.type) and self._pieces is None:
            # Within a streamed request it has the whole text once more, for servers that do not stream.
            await self._speak_whole(Synthesize.from_event(event))

    async def _speak_whole(self, request: Synthesize) -> None:
        _require_text(request.text_format)
        sentences = sentences_of(request.text)
        self._sentences = asyncio.Queue()
        for sentence in (*sentences, None):
            self._sentences.put_nowait(sentence)
        await self._speak(request.voice)

    async def _put(self, sentence: str | None) -> None:
        """Queue a sentence, as soon as there is room. Raises what speaking raised."""
        assert self._speaking is not None  # noqa: S101 - for the type checker: it was started with the text
        putting = asyncio.ensure_future(self._sentences.put(sentence))
        await asyncio.wait((putting, self._speaking), return_when=asyncio.FIRST_COMPLETED)
        if not putting.done():
            putting.cancel()
            await self._speaking

    async def _finish(self, pieces: SentenceStream) -> None:
        assert self._speaking is not None  # noqa: S101 - for the type checker: it was started with the text
        for sentence in (*pieces.finish(), None):
            await self._put(sentence)
        speaking, self._speaking, self._pieces = self._speaking, None, None
        await speaking
        await self._write(SynthesizeStopped())

    async def _speak(self, wanted: SynthesizeVoice | None) -> None:
        """Speak the sentences until there are no more. Raises TtsdashError."""
        name, speaker = (wanted.name, wanted.speaker) if wanted else (None, None)
        started, first = time.monotonic(), None
        voice = await asyncio.to_thread(self._service.voices.load, name)
        form = {"rate": voice.sample_rate, "width": 2, "channels": 1}
        await self._write(AudioStart(**form))
        spoken = False
        while (sentence := await self._sentences.get()) is not None:
            request = SpeechRequest(sentence, name, speaker)
            with suppress(Silent):
                speech = await start_speech(request, voice, self._service.scheduler)
                silence = np.zeros(round(request.sentence_silence_s * voice.sample_rate) if spoken else 0, np.float32)
                spoken = True
                await self._write(AudioChunk(**form, audio=to_pcm(silence)))
                async with aclosing(aiter(speech.stream)) as chunks:  # type: ignore[type-var]
                    async for chunk in chunks:
                        first = first or time.monotonic()
                        await self._write(AudioChunk(**form, audio=to_pcm(chunk)))
        await self._write(AudioStop())
        if first is not None:
            self._service.statistics.count(first - started, time.monotonic() - started)

    async def _write(self, event: Eventable) -> None:
        await self.write_event(event.event())


def _require_text(text_format: str | SynthesizeTextFormat | None) -> None:
    if text_format not in (None, SynthesizeTextFormat.TEXT):
        raise Refused("only plain text can be spoken, no SSML", "text_format")


def describe(service: Service) -> Info:
    """Return what Home Assistant shows of the service: its voices and their speakers."""
    version = program_version()
    program = TtsProgram(
        name="ttsdash",
        description="Piper voices, each with the variant that is fastest on this machine",
        attribution=_ATTRIBUTION,
        installed=True,
        version=version,
        voices=[_described(voice, version) for voice in service.voices.offered],
        supports_synthesize_streaming=True,
    )
    return Info(tts=[program])


def _described(voice: Voice, version: str) -> TtsVoice:
    speakers = voice.config.get("speaker_id_map") or {}
    return TtsVoice(
        name=voice.key,
        description=voice.key,
        attribution=_ATTRIBUTION,
        installed=True,
        version=version,
        languages=[voice.language],
        speakers=[TtsVoiceSpeaker(name) for name in speakers] if len(speakers) > 1 else None,
    )
