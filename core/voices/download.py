"""Voices of Piper's collection, fetched by piper's own downloader: how far it is is told, and nothing half stays."""

import errno
import fcntl
import json
import os
import shutil
import socket
import string
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from core.errors import InvalidInput, TtsdashError, format_error
from core.files import PRIVATE_FILE, flush_file, flush_folder, mkdir_private
from core.text import truncate
from core.voices.file import config_path_of, is_piper_name, read_voice

Tell = Callable[[int, int | None], None]
"""Takes the bytes of the model that are here, and how many there are, if that is known."""

_SILENT_S = 30.0
_DRAFTS = ".downloading"


def piper_names() -> list[str]:
    """The names of all voices of the collection. Raises TtsdashError where it cannot be reached."""
    piper = _piper()
    with _watched(None), _explained("Piper's list of voices"), urllib.request.urlopen(piper.VOICES_JSON) as answer:  # noqa: S310
        return sorted(json.load(answer))


def download(name: str, folder: Path, tell: Tell) -> Path:
    """Fetch a voice into the folder, unless it is there. Returns the path of its model.

    Raises BadInput for a name that the collection does not have, TtsdashError where it cannot be reached.
    """
    if not is_piper_name(name):
        raise InvalidInput(f"{truncate(name)!r} is no name of a Piper voice: write it as en_US-lessac-medium")
    model = folder / f"{name}.onnx"
    config = config_path_of(model)
    if model.exists():
        if not config.exists():
            raise InvalidInput(f"{model} is there without its .onnx.json: move it away, then try again")
        return model
    mkdir_private(folder)
    with _drafts(folder) as drafts, _watched(tell):
        with _explained(name):
            _piper().download_voice(name, drafts)
        draft = drafts / model.name
        _check(name, draft)
        # The model last, so that it never stands without its configuration.
        for source, target in ((config_path_of(draft), config), (draft, model)):
            source.chmod(PRIVATE_FILE)
            flush_file(source)
            source.rename(target)
        flush_folder(folder)
    return model


def _piper() -> Any:
    from piper import download_voices

    return download_voices


@contextmanager
def _drafts(folder: Path) -> Iterator[Path]:
    """A hidden folder for what is not whole yet, one at a time; what a killed download left there is removed."""
    holder = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidInput(f"another download into {folder} is under way: wait for its end") from None
        drafts = folder / _DRAFTS
        try:
            shutil.rmtree(drafts, ignore_errors=True)
            mkdir_private(drafts)
            yield drafts
        finally:
            shutil.rmtree(drafts, ignore_errors=True)
    finally:
        os.close(holder)


def _check(name: str, draft: Path) -> None:
    try:
        read_voice(draft)
    except InvalidInput as error:
        raise TtsdashError(f"what came for {name} is no voice: {str(error).replace(f'{draft.parent}/', '')}") from error


class _Watch(urllib.request.BaseHandler):
    """Sees what piper's downloader asks for and gets."""

    def __init__(self, tell: Tell | None) -> None:
        self._tell = tell

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        # Some names have letters that an address must not have.
        if not request.full_url.isascii():
            request.full_url = quote(request.full_url, safe=string.punctuation)
        return request

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        if response.status == 200:
            tell = None if urlsplit(request.full_url).path.endswith(".json") else self._tell
            response.read = _counting(response.read, response.length, tell)
        return response

    https_request, https_response = http_request, http_response


def _counting(read: Callable[..., bytes], total: int | None, tell: Tell | None) -> Callable[..., bytes]:
    received = 0

    def counted(*amount: int) -> bytes:
        nonlocal received
        data = read(*amount)
        received += len(data)
        if tell:
            tell(received, total)
        if total is not None and received < total and (not data or not amount):
            # Of itself Python says nothing of it.
            raise ConnectionResetError(errno.ECONNRESET, f"the connection ended after {received} of {total} bytes")
        return data

    return counted


@contextmanager
def _watched(tell: Tell | None) -> Iterator[None]:
    """What is asked of the net in here is watched, and does not wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SILENT_S)
    urllib.request.install_opener(urllib.request.build_opener(_Watch(tell)))
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
        urllib.request.install_opener(urllib.request.build_opener())


@contextmanager
def _explained(wanted: str) -> Iterator[None]:
    """What goes wrong with the net is one line that says what to do."""
    host = urlsplit(_piper().VOICES_JSON).hostname
    try:
        yield
    except BrokenPipeError:
        raise  # whoever reads the progress has gone; of the net it would be a URLError
    except urllib.error.HTTPError as error:
        if error.code == 404:
            raise InvalidInput(
                f"Piper's collection has no {wanted}: `ttsdash voices download` lists its names"
            ) from error
        raise TtsdashError(f"{host} does not give {wanted} ({error.code} {error.reason}): try again later") from error
    except urllib.error.URLError as error:
        reason = format_error(error.reason) if isinstance(error.reason, BaseException) else error.reason
        raise TtsdashError(
            f"{host} cannot be reached ({reason}): if this machine is offline, bring the voice's .onnx and .onnx.json "
            "here and add it by its path"
        ) from error
    except (TimeoutError, ConnectionError, HTTPException, ValueError) as error:
        raise TtsdashError(f"{wanted} did not come whole from {host} ({format_error(error)}): try again") from error
