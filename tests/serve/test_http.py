"""The dialects of HTTP clients: what they send, what they get, and what is refused."""

import asyncio
import base64
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette

from core.records.voices import Voice
from serve.http.app import Access, build_app
from serve.state import Service
from tests.serve.decoding import decode
from tests.waiting import wait_until

TEXT = "Hello there. How are you?"
ALLOWED = "http://localhost:3000"


@pytest.fixture
def voice(service: Service) -> Voice:
    return service.voices.offered[0]


async def test_openai_clients_get_the_format_that_they_ask_for(client: httpx.AsyncClient, voice: Voice) -> None:
    seconds = {}
    for wanted in ("mp3", "opus", "aac", "flac", "wav"):
        answer = await client.post(
            "/v1/audio/speech", json={"model": "tts-1", "voice": "alloy", "input": TEXT, "response_format": wanted}
        )
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-tts-variant"] == "original"
        assert answer.headers["x-tts-voice"] == voice.key
        seconds[wanted] = decode(answer.content).seconds
    assert max(seconds.values()) - min(seconds.values()) < 1.5, seconds


async def test_the_default_format_of_openai_is_mp3(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/audio/speech", json={"model": "tts-1", "voice": "nova", "input": TEXT})
    assert answer.headers["content-type"] == "audio/mpeg"


async def test_pcm_names_its_rate(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/audio/speech", json={"input": TEXT, "voice": "nova", "response_format": "pcm"})
    assert (answer.headers["content-type"], answer.headers["x-sample-rate"]) == ("audio/pcm;rate=24000", "24000")


async def test_server_sent_events_carry_the_same_audio(client: httpx.AsyncClient) -> None:
    values = {"input": TEXT, "voice": "alloy", "response_format": "wav", "stream_format": "sse"}
    answer = await client.post("/v1/audio/speech", json=values)
    events = [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]
    assert [event["type"] for event in events[-1:]] == ["speech.audio.done"]
    data = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert decode(data).seconds > 0.5


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
async def test_nothing_is_computed_for_a_format_that_is_not_installed(
    stream_format: str, client: httpx.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "serve.formats.av_encoder", None)
    values = {"input": TEXT, "response_format": "opus", "stream_format": stream_format}
    answer = await client.post("/v1/audio/speech", json=values)
    assert (answer.status_code, service.scheduler.load.streams) == (503, 0)


async def test_models_and_voices_are_listed_as_openai_clients_expect(client: httpx.AsyncClient, voice: Voice) -> None:
    models = (await client.get("/v1/models")).json()
    assert {model["id"] for model in models["data"]} >= {"tts-1", "gpt-4o-mini-tts"}
    assert (await client.get("/v1/audio/voices")).json() == {"voices": [{"id": voice.key, "name": voice.key}]}


@pytest.mark.parametrize("path", ["/", "/synthesize"])
async def test_clients_of_pipers_server_get_a_wav_of_its_true_length(path: str, client: httpx.AsyncClient) -> None:
    answer = await client.post(path, json={"text": TEXT, "length_scale": 1.5, "noise_scale": 0, "noise_w_scale": 0})
    size = int.from_bytes(answer.content[40:44], "little")
    assert (answer.status_code, size) == (200, len(answer.content) - 44)


async def test_the_old_addresses_of_piper_still_answer(client: httpx.AsyncClient) -> None:
    assert decode((await client.get("/", params={"text": TEXT})).content).seconds > 0.5
    plain = await client.post("/", content=TEXT, headers={"Content-Type": "text/plain"})
    assert decode(plain.content).seconds > 0.5


async def test_speed_and_length_scale_change_the_duration(client: httpx.AsyncClient) -> None:
    async def seconds(path: str, **values: Any) -> float:
        still = {"noise_scale": 0, "noise_w_scale": 0}
        return decode((await client.post(path, json={**still, **values})).content).seconds

    usual = await seconds("/", text=TEXT)
    assert await seconds("/", text=TEXT, length_scale=2) == pytest.approx(2 * usual, rel=0.2)
    # This dialect has no noise scales, so that durations vary.
    assert await seconds("/speak", text=TEXT, format="wav", speed=0.25) > 2 * usual


async def test_macbots_assistant_gets_its_answer_at_once_and_hears_it_here(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    answer = await client.post("/speak", json={"text": TEXT, "interruptible": True})
    assert answer.json() == {"ok": True}
    await asyncio.to_thread(wait_until, (tmp_path / "played").exists)


async def test_speak_returns_the_audio_where_that_is_asked_for(client: httpx.AsyncClient, tmp_path: Path) -> None:
    by_header = await client.post("/speak", json={"text": TEXT}, headers={"Accept": "audio/wav"})
    by_field = await client.post("/speak", json={"text": TEXT, "format": "flac"})
    assert min(decode(by_header.content).seconds, decode(by_field.content).seconds) > 0.5
    assert not (tmp_path / "played").exists()


async def test_the_figures_that_macbot_shows_are_valid_from_the_start(client: httpx.AsyncClient) -> None:
    before = (await client.get("/tts-performance")).json()["performance"]
    assert (before["total_requests"], before["min_duration"], before["avg_duration"]) == (0, 0.0, 0.0)
    for _ in range(2):
        await client.post("/synthesize", json={"text": TEXT})
    await client.post("/speak", json={"text": ""})
    answer = (await client.get("/tts-performance")).json()
    after = answer["performance"]
    assert (answer["ok"], answer["engine_type"], after["total_requests"], after["errors"]) == (True, "piper", 2, 0)
    assert 0 < after["min_duration"] <= after["avg_duration"] <= after["max_duration"]
    assert after["avg_duration"] == pytest.approx(after["total_duration"] / 2)
    assert after["memory_mb"] > 10


async def test_macbots_pages_find_what_they_read(client: httpx.AsyncClient, voice: Voice) -> None:
    assert (await client.get("/health")).json()["status"] == "ok"
    assert (await client.get("/info")).json()["tts"]["voice_path"] == voice.path
    listed = (await client.get("/voices")).json()
    assert listed == {"ok": True, "voices": [{"name": voice.key, "path": voice.path}], "current": voice.path}
    assert (await client.post("/set-voice", json={"voice_path": voice.path})).json()["voice_path"] == voice.path
    assert (await client.post("/preview-voice", json={})).json() == {"ok": True}
    assert (await client.post("/interrupt")).json() == {"status": "ok"}


async def test_without_a_program_that_plays_speak_is_refused(
    client: httpx.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.player, "_given", None)
    monkeypatch.setenv("PATH", "/nonexistent")
    answer = await client.post("/speak", json={"text": TEXT})
    assert answer.status_code == 503
    assert answer.json()["error"].startswith("this machine has no program that plays audio: install one of")


async def test_what_the_voice_cannot_say_is_named(
    client: httpx.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(service.voices.load().phonemizer._known, "h")
    answer = await client.post("/synthesize", json={"text": TEXT})
    assert (answer.status_code, answer.headers["x-tts-dropped"]) == (200, "h")


REFUSED: list[tuple[str, Any, int, str]] = [
    ("/v1/audio/speech", {"voice": "alloy"}, 400, "input is missing"),
    ("/v1/audio/speech", {"input": 3}, 400, "input must be a text"),
    ("/v1/audio/speech", {"input": ""}, 422, "nothing of the text can be spoken"),
    ("/v1/audio/speech", {"input": "***"}, 422, "nothing of the text can be spoken"),
    ("/v1/audio/speech", {"input": "a", "voice": "nobody"}, 404, "no voice 'nobody' here: there is tiny"),
    ("/v1/audio/speech", {"input": "a", "response_format": "ogg"}, 400, "response_format must be one of mp3, opus"),
    ("/v1/audio/speech", {"input": "a", "stream_format": "x"}, 400, "stream_format must be audio or sse"),
    ("/v1/audio/speech", {"input": "a", "speed": 100}, 400, "speed must be from 0.1 to 10"),
    ("/v1/audio/speech", {"input": "a", "speed": "fast"}, 400, "speed must be a number"),
    ("/v1/audio/speech", {"input": "a", "speed": 10**400}, 400, "speed is too large"),
    ("/v1/audio/speech", {"input": "a", "voice": {"name": "x"}}, 400, "id is missing"),
    ("/v1/audio/speech", {"input": "a b " * 10_000}, 413, "the text has 40000 characters: at most 20000"),
    ("/synthesize", {"text": "a", "speaker_id": 7}, 404, "tiny has no speaker 7: 0 to 0"),
    ("/synthesize", {"text": "a", "speaker_id": True}, 400, "speaker_id must be a name or a number"),
    ("/synthesize", {"text": "a", "length_scale": 0}, 400, "length_scale must be from 0.1 to 10"),
    ("/synthesize", {"text": "a", "noise_scale": -1}, 400, "noise must be from 0 to 2"),
    ("/synthesize", ["text"], 400, "the body must be a JSON object"),
    ("/speak", {}, 400, "text required"),
    ("/speak", {"text": "a", "format": "midi"}, 400, "format must be one of"),
    ("/set-voice", {"voice_path": "/etc/passwd"}, 400, "voice_path invalid"),
]


@pytest.mark.parametrize(("path", "values", "status", "message"), REFUSED)
async def test_a_wrong_request_is_refused_with_one_line(
    path: str, values: Any, status: int, message: str, client: httpx.AsyncClient
) -> None:
    answer = await client.post(path, json=values)
    error = answer.json()["error"]
    text = error["message"] if path.startswith("/v1/") else error
    assert (answer.status_code, text[: len(message)]) == (status, message)


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff\xfe", b'{"text": "\\ud800"}', b"[" * 100_000, b'{"text": NaN', b"x" * 300_000],
    ids=["half", "no UTF-8", "half a character", "deep", "no number", "large"],
)
@pytest.mark.parametrize("path", ["/speak", "/synthesize", "/v1/audio/speech", "/set-voice"])
async def test_hostile_bodies_are_refused(path: str, body: bytes, client: httpx.AsyncClient) -> None:
    answer = await client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 413), answer.text


STRANGE = {
    "NUL": "a\x00b",
    "open brackets": "[[",
    "phonemes": "[[ x ]]",
    "digits": "1" * 2000,
    "zero width": "\u200b",
    "one word": "a" * 5000,
    "markup": "<speak>hi</speak>",
}


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
async def test_strange_texts_are_spoken_or_refused(text: str, client: httpx.AsyncClient) -> None:
    answer = await client.post("/synthesize", json={"text": text})
    assert answer.status_code in (200, 422), answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:9000"}, 200),
        ({"Host": "[::1]:8123"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "[broken"}, 403),
        ({"Origin": ALLOWED}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
async def test_pages_of_other_sites_cannot_use_the_service(
    headers: dict[str, str], status: int, client: httpx.AsyncClient
) -> None:
    assert (await client.get("/health", headers=headers)).status_code == status


async def test_macbots_pages_may_ask_from_a_browser(client: httpx.AsyncClient) -> None:
    headers = {"Origin": ALLOWED, "Access-Control-Request-Method": "POST"}
    answer = await client.options("/set-voice", headers=headers)
    assert answer.headers["access-control-allow-origin"] == ALLOWED
    assert (await client.get("/voices", headers={"Origin": ALLOWED})).headers["access-control-allow-origin"] == ALLOWED


async def test_with_a_token_everybody_needs_it(service: Service) -> None:
    app: Starlette = build_app(service, Access(token="secret"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://192.0.2.7:8123") as client:
        assert (await client.get("/health")).status_code == 401
        assert (await client.get("/health", headers={"Authorization": "Bearer wrong"})).status_code == 401
        assert (await client.get("/health", headers={"Authorization": "Bearer secret"})).status_code == 200


async def test_the_same_text_without_noise_is_the_same_audio(client: httpx.AsyncClient) -> None:
    values = {"text": TEXT, "noise_scale": 0, "noise_w_scale": 0}
    one, two = [(await client.post("/", json=values)).content for _ in range(2)]
    assert one == two
    noisy = decode((await client.post("/", json={"text": TEXT})).content)
    assert np.abs(noisy.samples).max() > 0.1
