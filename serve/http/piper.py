"""What clients of Piper's own HTTP server send and expect: of its present paths, and of those it had before."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serve.errors import Refused
from serve.http.audio import whole
from serve.http.body import optional_number, optional_text, read_body, read_json, speaker_of, text_of
from serve.request import SpeechRequest
from serve.state import Service


def routes(service: Service) -> list[Route]:
    """Return the routes."""

    async def synthesize(request: Request) -> Response:
        if request.headers.get("content-type", "").split(";")[0].strip() == "text/plain":
            values: dict[str, Any] = {"text": _decoded(await read_body(request))}
        else:
            values = await read_json(request)
        return await whole(service, _request(values), request)

    async def speak(request: Request) -> Response:
        return await whole(service, _request(dict(request.query_params)), request)

    return [
        Route("/", synthesize, methods=["POST"]),
        Route("/synthesize", synthesize, methods=["POST"]),
        Route("/", speak, methods=["GET"]),
    ]


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Refused("the text is not UTF-8", "text") from error


def _request(values: dict[str, Any]) -> SpeechRequest:
    return SpeechRequest(
        text_of(values, "text"),
        optional_text(values, "voice"),
        speaker_of(values, "speaker_id", "speaker"),
        length_scale=optional_number(values, "length_scale"),
        noise=optional_number(values, "noise_scale"),
        noise_w=optional_number(values, "noise_w_scale"),
    )
