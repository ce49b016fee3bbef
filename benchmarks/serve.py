"""Benchmark of the speech service: first audio and throughput over HTTP, beside piper-tts's own server in the same run.

    python -m benchmarks.serve --home DIR [--voice VOICE] [--cores 2] [--requests 40] [--seconds 20]

The service speaks with the selected variant of the voice, Piper's server (which needs Flask) with the original. Both run at the
same time and are asked in turn; the other one is idle meanwhile. Run nothing else. Linux only: cores are assigned.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.table import head, row
from core.records.voices import Voice
from core.store.database import open_store
from core.store.voices import get_voice, list_voices
from core.workspace import Workspace

SHORT = "Nine words are enough to answer a short question."
LONG = (
    "I found three recipes for lentil soup; the first one takes forty minutes, needs no blender, and keeps in the fridge "
    "for about four days, so it may suit you best."
)
_TEXTS = ("The door is locked.", "Tomorrow will start with light rain, but by noon the sky should be clear.")
_HEADER_BYTES, _CLIENTS = 44, (1, 2, 4, 8)
_READY_S = 60


@dataclass(frozen=True)
class Server:
    """A server that is running, and how it is asked for a WAV."""

    name: str
    port: int
    path: str
    fields: dict[str, Any]
    text_field: str


@dataclass(frozen=True)
class Answer:
    """One request as its client saw it, in seconds."""

    first_audio_s: float
    total_s: float
    audio_s: float


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--voice")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--requests", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    workspace = Workspace(options.home)
    db = open_store(workspace)
    voice = get_voice(db, options.voice) if options.voice else list_voices(db)[0]
    # The servers inherit them.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    head()
    with ExitStack() as stack:
        servers = [stack.enter_context(server) for server in _servers(workspace, voice)]
        _first_audio(servers, options.requests)
        _throughput(servers, options.seconds)


def _servers(workspace: Workspace, voice: Voice) -> Iterator[Any]:
    command = [sys.executable, "-P", "-m", "tui.cli", "--home", str(workspace.root), "serve", "--voice", voice.key]
    yield _running(Server("ttsdash", 8731, "/v1/audio/speech", {"response_format": "wav"}, "input"), command, "/health")
    if find_spec("flask"):
        piper = [sys.executable, "-m", "piper.http_server", "--host", "127.0.0.1", "-m", voice.path]
        yield _running(Server("piper", 8732, "/synthesize", {}, "text"), piper, "/info")
    else:
        print("without piper's server: it needs Flask (pip install flask)")


@contextmanager
def _running(server: Server, command: Sequence[str], ready: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [*command, "--port", str(server.port)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + _READY_S
        while not _answers(server.port, ready):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{server.name} did not start")
            time.sleep(0.1)
        for text in (SHORT, LONG):
            _ask(server, text)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int, path: str) -> bool:
    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False


def _ask(server: Server, text: str) -> Answer:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    body = json.dumps(server.fields | {server.text_field: text})
    start = time.perf_counter()
    connection.request("POST", server.path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    header = response.read(_HEADER_BYTES)
    data = response.read1(2)
    first = time.perf_counter() - start
    data += response.read()
    total = time.perf_counter() - start
    connection.close()
    if response.status != 200:
        raise SystemExit(f"{server.name} answered {response.status}: {data[:200]!r}")
    return Answer(first, total, len(data) / 2 / int.from_bytes(header[24:28], "little"))


def _first_audio(servers: Sequence[Server], requests: int) -> None:
    for what, text, targets in (("nine words", SHORT, "60 / 120 ms"), ("long sentence", LONG, "")):
        answers: dict[str, list[Answer]] = {server.name: [] for server in servers}
        for _ in range(requests):
            for server in servers:
                answers[server.name].append(_ask(server, text))
        for name, found in answers.items():
            first = sorted(answer.first_audio_s for answer in found)
            late = first[round(0.95 * (len(first) - 1))]
            total = statistics.median(answer.total_s for answer in found)
            spoken = statistics.median(answer.audio_s for answer in found)
            target = targets if name == servers[0].name else ""
            row(
                f"{name}, {what} ({spoken:.1f} s): first audio p50 / p95, all",
                target,
                f"{1e3 * statistics.median(first):.0f} / {1e3 * late:.0f} ms, {1e3 * total:.0f} ms",
            )


def _throughput(servers: Sequence[Server], seconds: float) -> None:
    texts = [*_TEXTS, SHORT, LONG]
    for clients in _CLIENTS:
        rates = {server.name: _audio_a_second(server, clients, texts, seconds) for server in servers}
        ours = rates.pop(servers[0].name)
        others = "".join(f", {ours / rate:.2f}x {name} ({rate:.1f})" for name, rate in rates.items())
        row(f"{clients} clients: seconds of audio a second", "1.7x piper", f"{ours:.1f}{others}")


def _audio_a_second(server: Server, clients: int, texts: Sequence[str], seconds: float) -> float:
    start = time.monotonic()

    def client(number: int) -> float:
        spoken, turn = 0.0, number
        while time.monotonic() < start + seconds:
            spoken += _ask(server, texts[turn % len(texts)]).audio_s
            turn += 1
        return spoken

    with ThreadPoolExecutor(clients) as pool:
        spoken = sum(pool.map(client, range(clients)))
    return spoken / (time.monotonic() - start)


if __name__ == "__main__":
    main()
