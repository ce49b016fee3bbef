"""The service as a process: started, asked, ended; and speaking from the command line."""

import json
import os
import socket
import sqlite3
import subprocess
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest

from core.files import sha256_of
from core.records.voices import Variant, Voice
from core.store.voices import put_variant
from core.voices.file import config_sha256
from core.workspace import Workspace
from serve.address import Address, running_service
from tests.core.quantize.making import make
from tests.factories import make_variant
from tests.running import COMMAND, environment, ttsdash
from tests.serve.decoding import decode
from tests.serve.serving import get, serving
from tests.waiting import wait_until

TEXT = "Hello there. How are you?"


def test_the_service_speaks_until_a_signal_ends_it(workspace: Workspace, voice: Voice) -> None:
    with serving(workspace) as address:
        client = openai.OpenAI(base_url=f"{address.url}/v1", api_key="none")
        with client.audio.speech.with_streaming_response.create(
            model="tts-1", voice="alloy", input=TEXT, response_format="wav"
        ) as answer:
            data = b"".join(answer.iter_bytes())
        assert decode(data).seconds > 0.5
        assert next(model.id for model in client.models.list()) == "tts-1"
        with pytest.raises(openai.NotFoundError, match="no voice 'nobody' here"):
            client.audio.speech.create(model="tts-1", voice="nobody", input=TEXT)
    assert running_service(workspace) is None
    assert not workspace.speech_service.exists()


@pytest.mark.parametrize("option", ["--port", "--wyoming-port"])
def test_a_taken_port_is_named_with_who_has_it(option: str, workspace: Workspace, voice: Voice) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = ttsdash(workspace, "serve", "--port", 0, option, port)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"ttsdash: port {port} is taken by ")
    assert done.stderr.endswith(f"choose another one with {option}\n")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--host", "0.0.0.0"], 2, "--host 0.0.0.0 can be reached from other machines: add --token TOKEN"),
        (["--token", ""], 2, "--token is empty"),
        (["--port", "99999"], 2, "Invalid value for '--port'"),
        (["--player", "'"], 2, "--player cannot be read"),
        (["--voice", "nobody"], 1, "voice not found: 'nobody'"),
    ],
)
def test_a_wrong_start_is_one_line(
    arguments: list[str], code: int, message: str, workspace: Workspace, voice: Voice
) -> None:
    done = ttsdash(workspace, "serve", "--port", "0", *arguments)
    assert (done.returncode, done.stderr[: len(message) + 9]) == (code, f"ttsdash: {message}")


def test_without_voices_the_error_names_how_to_add_one(workspace: Workspace) -> None:
    done = ttsdash(workspace, "serve", "--port", "0")
    assert done.stderr == "ttsdash: no voices yet: add one with `ttsdash voices add PATH`\n"


def test_a_new_selection_takes_over_while_the_service_runs(
    workspace: Workspace, voice: Voice, db: sqlite3.Connection, tmp_path: Path
) -> None:
    def speaking() -> str:
        return str(get(address, "/info")["tts"]["variant"])

    with serving(workspace) as address:
        assert speaking() == "original"
        made = workspace.optimized_models / "made.onnx"
        make("optimized", Path(voice.path), made)
        Path(f"{made}.json").write_text(json.dumps(voice.config))
        put_variant(db, voice.id, variant(voice, made, "optimized"))
        assert ttsdash(workspace, "select", voice.key, "--pin", "optimized").returncode == 0
        wait_until(lambda: speaking() == "optimized")
        assert ttsdash(workspace, "select", voice.key, "--pin", "original").returncode == 0
        wait_until(lambda: speaking() == "original")


def variant(voice: Voice, path: Path, name: str) -> Variant:
    sha256, config = sha256_of(path), config_sha256(voice.config)
    return make_variant(
        name, path=str(path), sha256=sha256, recipe=name, source_sha256=voice.source_sha256, config_sha256=config
    )


@pytest.mark.parametrize(
    ("path", "fields"),
    [("/v1/audio/speech", {"response_format": "wav"}), ("/synthesize", {}), ("/speak", {"format": "mp3"})],
)
def test_a_client_that_leaves_costs_nothing_more(
    path: str, fields: dict[str, str], workspace: Workspace, voice: Voice
) -> None:
    text = "This is a sentence of a long text. " * 500
    with serving(workspace) as address:
        connection = HTTPConnection(address.host, address.port, timeout=30)
        connection.request("POST", path, json.dumps({"input": text, "text": text} | fields))
        wait_until(lambda: get(address, "/tts-performance")["performance"]["active_jobs"] == 1)
        connection.close()
        wait_until(lambda: get(address, "/tts-performance")["performance"]["active_jobs"] == 0)
        assert get(address, "/tts-performance")["performance"]["errors"] == 0


def test_interrupt_ends_what_is_spoken(workspace: Workspace, voice: Voice) -> None:
    with serving(workspace, "--player", "sleep 600") as address:
        connection = HTTPConnection(address.host, address.port, timeout=30)
        headers = {"Content-Type": "application/json"}
        for _ in range(2):
            connection.request("POST", "/speak", json.dumps({"text": TEXT * 50}), headers)
            assert json.loads(connection.getresponse().read()) == {"ok": True}
        players = wait_until(lambda: psutil.Process(address.pid).children(recursive=True))
        connection.request("POST", "/interrupt")
        assert json.loads(connection.getresponse().read()) == {"status": "ok"}
        psutil.wait_procs(players, timeout=30)
        performance = wait_until(lambda: idle(address))
        assert performance["active_jobs"] == 0
        assert psutil.Process(address.pid).children() == []


def idle(address: Address) -> dict[str, Any] | None:
    performance: dict[str, Any] = get(address, "/tts-performance")["performance"]
    return None if performance["queued_jobs"] or performance["active_jobs"] else performance


def test_speak_writes_a_wav_by_itself_and_through_the_service(
    workspace: Workspace, voice: Voice, tmp_path: Path
) -> None:
    alone, through = tmp_path / "alone.wav", tmp_path / "through.wav"
    assert ttsdash(workspace, "speak", TEXT, "--output", alone).returncode == 0
    with serving(workspace) as address:
        assert ttsdash(workspace, "speak", TEXT, "--output", through).returncode == 0
        assert get(address, "/tts-performance")["performance"]["total_requests"] == 2
    seconds = decode(alone.read_bytes()).seconds
    assert decode(through.read_bytes()).seconds == pytest.approx(seconds, rel=0.25)
    size = int.from_bytes(through.read_bytes()[40:44], "little")
    assert size == through.stat().st_size - 44


def test_speak_begins_with_the_first_sentence_of_a_pipe(workspace: Workspace, voice: Voice) -> None:
    command = [*COMMAND, "speak", "--output", "-"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(workspace), **pipes) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"This comes first. This comes la")
        process.stdin.flush()
        header = process.stdout.read(44)
        assert header.startswith(b"RIFF")
        process.stdin.write(b"ter.")
        process.stdin.close()
        rest = process.stdout.read()
    assert process.returncode == 0
    assert decode(header + rest).seconds > 0.5


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["***", "--output", "x.wav"], 2, "nothing of the text can be spoken: give a text with words"),
        (["hi", "--voice", "nobody", "--output", "x.wav"], 1, "voice not found: 'nobody'"),
        (["hi", "--speaker", "4", "--output", "x.wav"], 1, "tiny has no speaker '4': 0 to 0"),
        (["hi", "--output", "/nowhere/x.wav"], 2, "cannot write /nowhere/x.wav"),
        (["hi", "--output", ""], 2, "--output is empty: name a file"),
        (["hi"], 1, "this machine has no program that plays audio: install one of"),
    ],
)
def test_what_cannot_be_spoken_is_one_line(
    arguments: list[str], code: int, message: str, workspace: Workspace, voice: Voice, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"cwd": tmp_path}
    done = ttsdash(workspace, "speak", *arguments, **options)
    assert (done.returncode, done.stderr[: len(message) + 9]) == (code, f"ttsdash: {message}")
    assert not (tmp_path / "x.wav").exists()


def test_no_file_of_a_dead_service_is_believed(workspace: Workspace, voice: Voice) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    workspace.speech_service.write_text(json.dumps({"pid": gone.pid, "host": "127.0.0.1", "port": 1, "token": None}))
    assert running_service(workspace) is None
    workspace.speech_service.write_text("{")
    assert running_service(workspace) is None


def test_the_address_is_for_its_owner_only(workspace: Workspace, voice: Voice) -> None:
    with serving(workspace, "--token", "secret"):
        assert workspace.speech_service.stat().st_mode & 0o077 == 0
        assert ttsdash(workspace, "speak", TEXT, "--output", os.devnull).returncode == 0
