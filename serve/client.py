"""Speaks through a service that runs on this machine."""

import http.client
import json
import struct
from collections.abc import Iterator
from urllib.parse import unquote

from core.errors import TtsdashError
from serve.address import Address
from serve.errors import Silent
from serve.request import SpeechRequest

_HEADER_BYTES, _PART_BYTES = 44, 16_384
_TIMEOUT_S = 60


class ServiceClient:
    """Sends one request for each sentence."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self.dropped: list[str] = []

    def speak(self, request: SpeechRequest) -> Iterator[tuple[int, bytes]]:
        """Yield the rate, and samples of 16 bits, as they arrive: nothing for a text without a sound.

        Raises TtsdashError with what the service answers.
        """
        values = {"text": request.text, "voice": request.voice, "speaker": request.speaker, "speed": request.speed}
        headers = {"Content-Type": "application/json"}
        if self._address.token:
            headers["Authorization"] = f"Bearer {self._address.token}"
        connection = http.client.HTTPConnection(self._address.host, self._address.port, timeout=_TIMEOUT_S)
        try:
            connection.request("POST", "/speak", json.dumps(values | {"format": "wav"}), headers)
            yield from self._samples(connection.getresponse())
        except OSError as error:
            raise TtsdashError(f"the speech service at {self._address.url} does not answer ({error})") from error
        finally:
            connection.close()

    def _samples(self, response: http.client.HTTPResponse) -> Iterator[tuple[int, bytes]]:
        if response.status == Silent.status:
            return
        if response.status != http.client.OK:
            raise TtsdashError(f"the speech service refused: {_reason(response.read())}")
        found = unquote(response.getheader("X-TTS-Dropped") or "").split()
        self.dropped += [one for one in found if one not in self.dropped]
        (rate,) = struct.unpack_from("<I", response.read(_HEADER_BYTES), 24)
        # A chunk may end within a sample.
        rest = b""
        while part := response.read1(_PART_BYTES):
            whole = rest + part
            end = len(whole) // 2 * 2
            yield rate, whole[:end]
            rest = whole[end:]


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return "for a reason that it does not name"
