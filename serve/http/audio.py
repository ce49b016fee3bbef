"""Answers with audio."""

import asyncio
import time
from collections.abc import AsyncIterator
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from serve.errors import ClientGone
from serve.formats.answer import encoded, whole_wav
from serve.formats.encoder import Format, open_encoder
from serve.request import SpeechRequest
from serve.speech import Speech, start_speech
from serve.state import Service

RATE = "X-Sample-Rate"
_LOOK_S = 0.05
"""How often a client that waits for a whole answer is looked after."""
_MOST_DROPPED = 50
"""Phonemes in a header, at most."""


async def begin(service: Service, request: SpeechRequest) -> Speech:
    """Load the voice if need be, and begin to speak. Raises Refused."""
    voice = await asyncio.to_thread(service.voices.load, request.voice)
    return await start_speech(request, voice, service.scheduler)


async def begin_encoded(
    service: Service, request: SpeechRequest, wanted: Format
) -> tuple[AsyncIterator[bytes], dict[str, str]]:
    """Begin to speak, and return the encoded audio as it is computed, and the headers. Raises Refused."""
    voice = await asyncio.to_thread(service.voices.load, request.voice)
    # First, since nobody would read what is computed for a format that is not there.
    encoder, rate = open_encoder(wanted, voice.sample_rate)
    speech = await start_speech(request, voice, service.scheduler)
    return counted(service, speech, encoded(speech, encoder)), headers_of(speech, rate)


async def streamed(service: Service, request: SpeechRequest, wanted: Format) -> Response:
    """Return audio that is sent as it is computed. Raises Refused."""
    parts, headers = await begin_encoded(service, request, wanted)
    # What goes wrong before the first audio is answered with an error, not with half an answer.
    first = await anext(parts, b"")
    media_type = f"{wanted.media_type};rate={headers[RATE]}" if wanted is Format.PCM else wanted.media_type
    return StreamingResponse(_behind(first, parts), media_type=media_type, headers=headers)


async def whole(service: Service, request: SpeechRequest, connection: Request) -> Response:
    """Return a WAV with its true length. Raises Refused, and ClientGone if nobody waits for it any more."""
    speech = await begin(service, request)
    computing = asyncio.ensure_future(whole_wav(speech))
    try:
        while not computing.done():
            await asyncio.wait({computing}, timeout=_LOOK_S)
            if not computing.done() and await connection.is_disconnected():
                raise ClientGone("the client has left")
    finally:
        computing.cancel()
    wav, duration = await computing, time.monotonic() - speech.started
    service.statistics.count(duration, duration)
    return Response(wav, media_type=Format.WAV.media_type, headers=headers_of(speech, speech.sample_rate))


def headers_of(speech: Speech, rate: int) -> dict[str, str]:
    """Return the headers that say what spoke, and what it left out."""
    headers = {
        "X-TTS-Voice": speech.voice.voice.key,
        "X-TTS-Variant": speech.voice.variant.name,
        RATE: str(rate),
        "Cache-Control": "no-store",
    }
    if speech.dropped:
        headers["X-TTS-Dropped"] = quote(" ".join(speech.dropped[:_MOST_DROPPED]))
    return headers


async def counted(service: Service, speech: Speech, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the parts, and count the request when it has ended."""
    first: float | None = None
    try:
        async for part in parts:
            first = first or time.monotonic()
            yield part
    except (GeneratorExit, asyncio.CancelledError):
        # The client has left.
        raise
    except BaseException:
        service.statistics.count_error()
        raise
    now = time.monotonic()
    service.statistics.count((first or now) - speech.started, now - speech.started)


async def _behind(first: bytes, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for part in parts:
        yield part
