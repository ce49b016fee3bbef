"""A local server in place of the one with Piper's voices: tests use no network."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.vits import write_voice

NAME = "en_US-tiny-medium"
_ROOT = "/rhasspy/piper-voices/resolve/main"
_HERE = Path(__file__).parent


class Collection:
    """A collection that serves one tiny voice under each of the given names, and their list."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self.files = {f"{_ROOT}/voices.json": json.dumps(dict.fromkeys(names)).encode()}
        for name in names:
            model = write_voice(folder, name=name)
            code, voice, quality = name.split("-")
            for file in (model, model.with_name(f"{model.name}.json")):
                self.files[f"{_ROOT}/{code.split('_')[0]}/{code}/{voice}/{quality}/{file.name}"] = file.read_bytes()
        self.asked: list[str] = []
        self.go_on = threading.Event()
        """Until it is set, only the first half of a model is sent."""
        self.go_on.set()
        self.cut_short = False
        """Whether the connection is closed after the first half."""


def point_at(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make processes that are started from now on download from that address."""
    path = [str(_HERE / "collection"), str(_HERE.parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    monkeypatch.setenv("PIPER_COLLECTION", address)


@contextmanager
def serving(collection: Collection) -> Iterator[str]:
    """Serve the collection, and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            collection.asked.append(path.rsplit("/", 1)[1])
            content = collection.files.get(path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            half = len(content) // 2
            self.wfile.write(content[:half])
            self.wfile.flush()
            if path.endswith(".onnx"):
                collection.go_on.wait(60)
                if collection.cut_short:
                    return
            with suppress(ConnectionError):
                self.wfile.write(content[half:])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    collection.go_on.set()
    server.shutdown()
    server.server_close()
