"""Home Assistant's protocol, with the client that it uses."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeVoice,
)

from core.records.voices import Voice
from serve.state import Service
from serve.wyoming import start_wyoming

TEXT = "Hello there. How are you today? It is raining."


@pytest.fixture
def voice(service: Service) -> Voice:
    return service.voices.offered[0]


@pytest.fixture
async def client(service: Service) -> AsyncIterator[AsyncTcpClient]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = await start_wyoming(service, listener)
    async with AsyncTcpClient(*listener.getsockname()) as connected:
        yield connected
    server.close()


@dataclass
class Reply:
    """What a server sent: the types of its events, its audio, and its error."""

    types: list[str] = field(default_factory=list)
    rates: set[int] = field(default_factory=set)
    audio: bytes = b""
    error: str | None = None

    @property
    def samples(self) -> np.ndarray:
        return np.frombuffer(self.audio, "<i2")


async def reply_to(client: AsyncTcpClient, events: Sequence[Event], last: str) -> Reply:
    """Send events, and read until one of the type `last`, or the end."""
    for event in events:
        await client.write_event(event)
    reply = Reply()
    while (event := await asyncio.wait_for(client.read_event(), 60)) is not None:
        if not reply.types or reply.types[-1] != event.type:
            reply.types.append(event.type)
        if AudioStart.is_type(event.type):
            reply.rates.add(AudioStart.from_event(event).rate)
        elif AudioChunk.is_type(event.type):
            reply.audio += AudioChunk.from_event(event).audio
        elif Error.is_type(event.type):
            reply.error = Error.from_event(event).text
        if event.type == last:
            break
    return reply


WHOLE = ["audio-start", "audio-chunk", "audio-stop"]


async def test_the_voices_are_described(client: AsyncTcpClient, voice: Voice) -> None:
    await client.write_event(Describe().event())
    event = await client.read_event()
    assert event is not None
    (program,) = Info.from_event(event).tts
    assert program.installed and program.supports_synthesize_streaming
    assert [(one.name, one.languages, one.installed) for one in program.voices] == [(voice.key, ["en_US"], True)]


async def test_a_text_is_one_reply_however_many_sentences_it_has(
    client: AsyncTcpClient, voice: Voice, service: Service
) -> None:
    for wanted in (None, SynthesizeVoice(voice.key), SynthesizeVoice(language="en_US")):
        reply = await reply_to(client, [Synthesize(TEXT, wanted).event()], "audio-stop")
        assert (reply.types, reply.rates) == (WHOLE, {voice.sample_rate})
        assert len(reply.samples) > 1.5 * voice.sample_rate
        assert np.abs(reply.samples).max() > 3000
    await client.write_event(Describe().event())
    await client.read_event()
    assert (service.statistics.requests, service.statistics.errors) == (3, 0)


@pytest.mark.parametrize("length", [1, 3, 7, len(TEXT)])
async def test_a_text_in_pieces_is_one_reply_wherever_it_was_cut(client: AsyncTcpClient, length: int) -> None:
    pieces = [TEXT[begin : begin + length] for begin in range(0, len(TEXT), length)]
    events = [
        SynthesizeStart().event(),
        *(SynthesizeChunk(piece).event() for piece in pieces),
        # For servers that do not stream.
        Synthesize(TEXT).event(),
        SynthesizeStop().event(),
    ]
    reply = await reply_to(client, events, "synthesize-stopped")
    assert reply.types == [*WHOLE, "synthesize-stopped"]
    assert len(reply.samples) > 20_000
    again = await reply_to(client, [Synthesize(TEXT).event()], "audio-stop")
    assert len(again.samples) == pytest.approx(len(reply.samples), rel=0.3)


async def test_the_first_sentence_is_heard_before_the_text_has_ended(client: AsyncTcpClient) -> None:
    await client.write_event(SynthesizeStart().event())
    await client.write_event(SynthesizeChunk("This comes first. This comes la").event())
    types = [event.type for event in [await asyncio.wait_for(client.read_event(), 60) for _ in range(3)] if event]
    assert types == ["audio-start", "audio-chunk", "audio-chunk"]
    reply = await reply_to(
        client, [SynthesizeChunk("ter.").event(), SynthesizeStop().event()], SynthesizeStopped().event().type
    )
    assert reply.types[-2:] == ["audio-stop", "synthesize-stopped"]


async def test_a_text_without_a_sound_is_an_empty_reply(client: AsyncTcpClient) -> None:
    for text in ("", "***"):
        reply = await reply_to(client, [Synthesize(text).event()], "audio-stop")
        assert (reply.types, reply.audio) == (["audio-start", "audio-stop"], b"")


async def test_unknown_events_are_ignored(client: AsyncTcpClient) -> None:
    events = [Event("something-new", {"a": 1}), SynthesizeStop().event(), SynthesizeChunk("x").event()]
    reply = await reply_to(client, [*events, Synthesize(TEXT).event()], "audio-stop")
    assert reply.types == WHOLE


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (Synthesize(TEXT, SynthesizeVoice("nobody")), "no voice 'nobody' here: there is tiny"),
        (Synthesize(TEXT, SynthesizeVoice("tiny", speaker="eve")), "tiny has no speaker 'eve': 0 to 0"),
        (Synthesize("<speak>hi</speak>", text_format="ssml"), "only plain text can be spoken, no SSML"),
    ],
)
async def test_what_cannot_be_spoken_is_an_error_and_ends_the_connection(
    event: Synthesize, message: str, client: AsyncTcpClient
) -> None:
    reply = await reply_to(client, [event.event()], "never")
    assert (reply.types[-1], reply.error) == ("error", message)


async def test_an_error_of_a_streamed_text_is_reported_as_well(client: AsyncTcpClient) -> None:
    events = [
        SynthesizeStart(SynthesizeVoice("nobody")).event(),
        SynthesizeChunk(TEXT).event(),
        SynthesizeStop().event(),
    ]
    reply = await reply_to(client, events, "never")
    assert (reply.types, reply.error) == (["error"], "no voice 'nobody' here: there is tiny")


async def test_rubbish_ends_only_its_connection(client: AsyncTcpClient, service: Service) -> None:
    assert client._writer is not None
    address = client._writer.get_extra_info("peername")
    for rubbish in (b"GET / HTTP/1.1\r\n\r\n", b"{}\n", b'{"type": "synthesize"}\n', b"\xff\x00\n", b"[]\n"):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(rubbish)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 60) == b""
        writer.close()
    assert (await reply_to(client, [Synthesize(TEXT).event()], "audio-stop")).types == WHOLE
    assert AudioStop.is_type("audio-stop")


async def test_a_client_that_leaves_costs_nothing_more(client: AsyncTcpClient, service: Service) -> None:
    await client.write_event(Synthesize("This is a sentence of a long text. " * 200).event())
    for _ in range(3):
        await client.read_event()
    await client.disconnect()
    idle = 0
    for _ in range(600):
        # Between two sentences there is no stream for a moment.
        idle = idle + 1 if service.scheduler.load.streams == 0 else 0
        if idle == 20:
            return
        await asyncio.sleep(0.02)
    pytest.fail("it is still spoken")
