"""The audio of a speech, encoded as it is computed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from serve.formats.encoder import Encoder, wav_header
from serve.formats.pcm import to_pcm
from serve.speech import Speech


async def encoded(speech: Speech, encoder: Encoder) -> AsyncIterator[bytes]:
    """Yield encoded audio, each part as soon as there is one."""
    async with aclosing(aiter(speech.stream)) as chunks:  # type: ignore[type-var]
        async for chunk in chunks:
            if part := await asyncio.to_thread(encoder.encode, chunk):
                yield part
    if rest := await asyncio.to_thread(encoder.finish):
        yield rest


async def whole_wav(speech: Speech) -> bytes:
    """Return all of it as a WAV with its true length in the header."""
    async with aclosing(aiter(speech.stream)) as chunks:  # type: ignore[type-var]
        samples = [to_pcm(chunk) async for chunk in chunks]
    data = b"".join(samples)
    return wav_header(speech.sample_rate, len(data)) + data
