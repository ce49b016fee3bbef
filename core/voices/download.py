"""Voices of Piper's collection, downloaded with piper's own downloader, with progress and without partial files."""

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
from core.voices.faults import CannotSpeak
from core.voices.file import config_path_of, is_piper_name, read_voice
from core.voices.trial import try_voice

OnProgress = Callable[[int, int | None], None]
"""Called with the bytes of the model received so far, and the total if it is known."""

_TIMEOUT_S = 30.0
_DRAFTS = ".downloading"


def piper_names() -> list[str]:
    """Return the names of all voices of the collection. Raises TtsdashError if it cannot be reached."""
    piper = _piper()
    with (
        _watched(None),
        _readable_errors("Piper's list of voices"),
        urllib.request.urlopen(piper.VOICES_JSON) as answer,  # noqa: S310 - the address is piper's own
    ):
        return sorted(json.load(answer))


def download(name: str, folder: Path, on_progress: OnProgress) -> Path:
    """Download a voice into a folder, unless it is there, and let it speak. Return the path of its model.

    Raises InvalidInput for a name that is not in the collection, TtsdashError if the collection cannot be reached, or for
    a voice that cannot speak here, which is not kept.
    """
    if not is_piper_name(name):
        raise InvalidInput(f"{truncate(name)!r} is not the name of a Piper voice: names look like en_US-lessac-medium")
    model = folder / f"{name}.onnx"
    config = config_path_of(model)
    if model.exists():
        if not config.exists():
            raise InvalidInput(f"{model} exists without its .onnx.json: move it away, then try again")
        try_voice(model, read_voice(model).config)
        return model
    mkdir_private(folder)
    with _drafts(folder) as drafts, _watched(on_progress):
        with _readable_errors(name):
            _piper().download_voice(name, drafts)
        draft = drafts / model.name
        _check(name, draft)
        # The model comes last, so that it never exists without its configuration.
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
    """Lock `folder` and yield a hidden folder for partial files, removing what a killed download left there."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidInput(f"another download into {folder} is running: wait until it ends") from None
        drafts = folder / _DRAFTS
        try:
            shutil.rmtree(drafts, ignore_errors=True)
            mkdir_private(drafts)
            yield drafts
        finally:
            shutil.rmtree(drafts, ignore_errors=True)
    finally:
        os.close(lock)


def _check(name: str, draft: Path) -> None:
    try:
        try_voice(draft, read_voice(draft).config)
    except CannotSpeak as error:
        raise TtsdashError(f"{name} was downloaded, but not kept: {_without_folder(error, draft)}") from error
    except InvalidInput as error:
        raise TtsdashError(f"the download of {name} is not a voice: {_without_folder(error, draft)}") from error


def _without_folder(error: InvalidInput, draft: Path) -> str:
    """Return a message about a draft, whose folder means nothing to the user."""
    return str(error).replace(f"{draft.parent}/", "")


class _ProgressHandler(urllib.request.BaseHandler):
    """Quotes the addresses that piper's downloader requests, and reports what it receives."""

    def __init__(self, on_progress: OnProgress | None) -> None:
        self._on_progress = on_progress

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        # Some names have letters that must be quoted in an address.
        if not request.full_url.isascii():
            request.full_url = quote(request.full_url, safe=string.punctuation)
        return request

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        if response.status == 200:
            is_model = not urlsplit(request.full_url).path.endswith(".json")
            response.read = _counting(response.read, response.length, self._on_progress if is_model else None)
        return response

    https_request, https_response = http_request, http_response


def _counting(read: Callable[..., bytes], total: int | None, on_progress: OnProgress | None) -> Callable[..., bytes]:
    received = 0

    def counted(*amount: int) -> bytes:
        nonlocal received
        data = read(*amount)
        received += len(data)
        if on_progress:
            on_progress(received, total)
        if total is not None and received < total and (not data or not amount):
            # http.client does not report a connection that ends early.
            raise ConnectionResetError(errno.ECONNRESET, f"the connection ended after {received} of {total} bytes")
        return data

    return counted


@contextmanager
def _watched(on_progress: OnProgress | None) -> Iterator[None]:
    """Report the progress of requests in this block, and give them a timeout."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT_S)
    urllib.request.install_opener(urllib.request.build_opener(_ProgressHandler(on_progress)))
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
        urllib.request.install_opener(urllib.request.build_opener())


@contextmanager
def _readable_errors(wanted: str) -> Iterator[None]:
    """Turn network errors in this block into one line with a fix."""
    host = urlsplit(_piper().VOICES_JSON).hostname
    try:
        yield
    except BrokenPipeError:
        raise  # the reader of the progress has ended; a network error would be a URLError
    except urllib.error.HTTPError as error:
        if error.code == 404:
            raise InvalidInput(
                f"Piper's collection has no {wanted}: `ttsdash voices download` lists its names"
            ) from error
        raise TtsdashError(f"{host} refused {wanted} ({error.code} {error.reason}): try again later") from error
    except urllib.error.URLError as error:
        reason = format_error(error.reason) if isinstance(error.reason, BaseException) else error.reason
        raise TtsdashError(
            f"{host} cannot be reached ({reason}): if this machine is offline, copy the voice's .onnx and .onnx.json "
            "to it and add the voice by its path"
        ) from error
    except (TimeoutError, ConnectionError, HTTPException, ValueError) as error:
        raise TtsdashError(
            f"{wanted} was not downloaded completely from {host} ({format_error(error)}): try again"
        ) from error
