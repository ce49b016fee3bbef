"""What clients of OpenAI's speech interface send and expect."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from serve.errors import Refused
from serve.formats.encoder import Format
from serve.http.audio import begin_encoded, streamed
from serve.http.body import optional_number, optional_text, read_json, speaker_of, text_of
from serve.request import SpeechRequest
from serve.state import Service

_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
# OpenAI's voices: they stand for the default voice, since many clients allow no others.
_ALIASES = frozenset(
    "alloy ash ballad coral echo fable onyx nova sage shimmer verse marin cedar default".split()  # noqa: SIM905
)


def routes(service: Service) -> list[Route]:
    """Return the routes below `/v1`."""

    async def speech(request: Request) -> Response:
        values = await read_json(request)
        wanted = _format(values)
        asked = _request(values)
        how = optional_text(values, "stream_format") or "audio"
        if how == "sse":
            return await _events(service, asked, wanted)
        if how != "audio":
            raise Refused("stream_format must be audio or sse", "stream_format")
        return await streamed(service, asked, wanted)

    async def models(request: Request) -> Response:
        created = {"object": "model", "created": 0, "owned_by": "ttsdash"}
        return JSONResponse({"object": "list", "data": [{"id": name, **created} for name in _MODELS]})

    async def voices(request: Request) -> Response:
        offered = [{"id": voice.key, "name": voice.key} for voice in service.voices.offered]
        return JSONResponse({"voices": offered})

    return [
        Route("/v1/audio/speech", speech, methods=["POST"]),
        Route("/v1/models", models, methods=["GET"]),
        Route("/v1/audio/voices", voices, methods=["GET"]),
    ]


def _format(values: dict[str, Any]) -> Format:
    name = optional_text(values, "response_format") or Format.MP3
    try:
        return Format(name)
    except ValueError as error:
        raise Refused(f"response_format must be one of {', '.join(Format)}", "response_format") from error


def _request(values: dict[str, Any]) -> SpeechRequest:
    voice = values.get("voice")
    name = text_of(voice, "id") if isinstance(voice, dict) else optional_text(values, "voice")
    speed = optional_number(values, "speed")
    return SpeechRequest(
        text_of(values, "input"),
        None if name is None or name in _ALIASES else name,
        speaker_of(values),
        speed=1.0 if speed is None else speed,
    )


async def _events(service: Service, request: SpeechRequest, wanted: Format) -> Response:
    parts, headers = await begin_encoded(service, request, wanted)

    async def events() -> AsyncIterator[str]:
        async for part in parts:
            yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(part).decode()})
        usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        yield _event({"type": "speech.audio.done", "usage": usage})

    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"
