"""What the MacBot assistant sends and expects of its speech server, for which this one can stand in."""

import asyncio
import logging
import time
from typing import Any

import psutil
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.engines.names import BY_PROVIDER
from core.errors import TtsdashError
from core.records.voices import Voice
from serve.errors import Refused
from serve.formats.encoder import Format
from serve.http.audio import begin, streamed
from serve.http.body import optional_number, optional_text, read_json, speaker_of, text_of
from serve.request import SpeechRequest
from serve.speech import Speech
from serve.state import Service

_LOG = logging.getLogger(__name__)
_PREVIEW = "Hey there, how can I help?"


def routes(service: Service) -> list[Route]:
    """Return the routes."""
    playing: set[asyncio.Task[None]] = set()
    process = psutil.Process()
    process.cpu_percent()

    async def play(request: SpeechRequest) -> Response:
        service.player.require()
        speech = await begin(service, request)
        task = asyncio.create_task(_play(service, speech))
        playing.add(task)
        task.add_done_callback(playing.discard)
        return JSONResponse({"ok": True})

    async def speak(request: Request) -> Response:
        values = await read_json(request)
        if not text_of(values, "text", "").strip():
            raise Refused("text required", "text")
        asked = _request(values)
        wanted = _wanted(request, values)
        return await (streamed(service, asked, wanted) if wanted else play(asked))

    async def preview(request: Request) -> Response:
        values = await read_json(request)
        values["text"] = text_of(values, "text", _PREVIEW).strip() or _PREVIEW
        return await play(_request(values))

    async def interrupt(request: Request) -> Response:
        service.player.interrupt()
        return JSONResponse({"status": "ok"})

    async def health(request: Request) -> Response:
        failures = [
            {"voice": voice.key, "variant": failure.variant, "error": failure.reason}
            for voice in service.voices.offered
            if (failure := service.voices.failures.get(voice.id))
        ]
        return JSONResponse(
            {"status": "ok", "interruption_enabled": True, "timestamp": time.time(), "failures": failures}
        )

    async def voices(request: Request) -> Response:
        offered = service.voices.offered
        listed = [{"name": voice.key, "path": voice.path} for voice in offered]
        return JSONResponse({"ok": True, "voices": listed, "current": offered[0].path})

    async def set_voice(request: Request) -> Response:
        values = await read_json(request)
        wanted = text_of(values, "voice_path", "") or text_of(values, "voice", "")
        # Compared, never opened: only voices that are registered can be named.
        found = next((voice for voice in service.voices.offered if wanted in (voice.path, voice.key)), None)
        if found is None:
            raise Refused("voice_path invalid", "voice_path")
        await asyncio.to_thread(service.voices.load, found.key)
        service.voices.use(found.key)
        return JSONResponse({"ok": True, "voice_path": found.path})

    async def info(request: Request) -> Response:
        voice = service.voices.offered[0]
        return JSONResponse(
            {
                "stt": None,
                "tts": {
                    "engine": "piper",
                    "voice": voice.key,
                    "voice_path": voice.path,
                    "voices": [one.key for one in service.voices.offered],
                    "speed": 1.0,
                    "engine_loaded": bool(service.voices.loaded),
                    "variant": _variant(service, voice),
                },
                "interruption": {"enabled": True},
                "audio": {"sample_rate": voice.sample_rate},
                "conversation": None,
            }
        )

    async def performance(request: Request) -> Response:
        statistics, load = service.statistics, service.scheduler.load
        durations = statistics.durations_s
        variant = _variant(service, service.voices.offered[0])
        return JSONResponse(
            {
                "ok": True,
                "engine_type": "piper" if variant in ("original", BY_PROVIDER) else "piper_quantized",
                "engine_loaded": bool(service.voices.loaded),
                "performance": {
                    "total_requests": statistics.requests,
                    "total_duration": sum(durations),
                    "avg_duration": sum(durations) / len(durations) if durations else 0.0,
                    "max_duration": max(durations, default=0.0),
                    "min_duration": min(durations, default=0.0),
                    "errors": statistics.errors,
                    "last_request_time": statistics.last_request,
                    "active_jobs": load.streams,
                    "queued_jobs": service.player.queued,
                    "cpu_percent": process.cpu_percent(),
                    "memory_mb": process.memory_info().rss / 1e6,
                    "memory_percent": process.memory_percent(),
                },
            }
        )

    return [
        Route("/speak", speak, methods=["POST"]),
        Route("/preview-voice", preview, methods=["POST"]),
        Route("/interrupt", interrupt, methods=["POST"]),
        Route("/set-voice", set_voice, methods=["POST"]),
        Route("/health", health, methods=["GET"]),
        Route("/voices", voices, methods=["GET"]),
        Route("/info", info, methods=["GET"]),
        Route("/tts-performance", performance, methods=["GET"]),
    ]


async def _play(service: Service, speech: Speech) -> None:
    try:
        await service.player.play(speech)
    except (TtsdashError, OSError) as error:
        service.statistics.count_error()
        _LOG.warning("could not play: %s", error)
    else:
        service.statistics.count(0.0, time.monotonic() - speech.started)


def _request(values: dict[str, Any]) -> SpeechRequest:
    speed = optional_number(values, "speed")
    return SpeechRequest(
        text_of(values, "text"),
        optional_text(values, "voice"),
        speaker_of(values),
        speed=1.0 if speed is None else speed,
    )


def _wanted(request: Request, values: dict[str, Any]) -> Format | None:
    """Return the format in which the client wants the audio; None if it wants it played here."""
    name = optional_text(values, "format")
    if name is None:
        return Format.WAV if request.headers.get("accept", "").startswith("audio/") else None
    try:
        return Format(name)
    except ValueError as error:
        raise Refused(f"format must be one of {', '.join(Format)}", "format") from error


def _variant(service: Service, voice: Voice) -> str | None:
    return next((one.variant.name for one in service.voices.loaded if one.voice.id == voice.id), None)
