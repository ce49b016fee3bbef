"""Playing on this machine, one speech after the other."""

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import aclosing, suppress

from serve.errors import Busy, Unavailable
from serve.formats.pcm import to_pcm
from serve.speech import Speech

# Commands that play 16-bit mono samples from their standard input; RATE stands for the sample rate.
_PLAYERS: Sequence[Sequence[str]] = (
    ("pw-play", "--rate=RATE", "--channels=1", "--format=s16", "-"),
    ("paplay", "--raw", "--rate=RATE", "--channels=1", "--format=s16le"),
    ("aplay", "-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", "RATE"),
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "quiet", "-f", "s16le", "-ar", "RATE", "-"),
    ("play", "-q", "-t", "raw", "-e", "signed", "-b", "16", "-c", "1", "-r", "RATE", "-"),
)
_MOST_QUEUED, _RETRY_S = 32, 5.0
"""Speeches that may wait, and when to try again if there are as many."""


def player_command() -> Sequence[str]:
    """Return the first command that is installed. Raises Unavailable if there is none."""
    for command in _PLAYERS:
        if shutil.which(command[0]):
            return command
    raise Unavailable(
        f"this machine has no program that plays audio: install one of {', '.join(one[0] for one in _PLAYERS)}"
    )


class Player:
    """Plays speeches in their order. One that is interrupted ends at once; the next one is played."""

    def __init__(self, command: Sequence[str] | None = None) -> None:
        """Take a command that plays samples from its standard input; by default the first one that is installed."""
        self._given = command
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: set[Speech] = set()

    @property
    def queued(self) -> int:
        """Return how many speeches are played or wait for it."""
        return len(self._waiting)

    def require(self) -> Sequence[str]:
        """Return the command. Raises Unavailable if nothing can play on this machine, and Busy if too much waits for it."""
        if self.queued >= _MOST_QUEUED:
            raise Busy(_RETRY_S)
        return self._command()

    def _command(self) -> Sequence[str]:
        return self._given or player_command()

    async def play(self, speech: Speech) -> None:
        """Play a speech when those before it are done. Raises what computing it raises, and Unavailable."""
        self._waiting.add(speech)
        try:
            async with self._turn:
                if not speech.stream.cancelled:
                    await self._play(speech)
        finally:
            self._waiting.discard(speech)
            speech.stream.cancel()

    def interrupt(self) -> int:
        """Stop what is played and forget what waits; return how many speeches that were."""
        stopped = list(self._waiting)
        for speech in stopped:
            speech.stream.cancel()
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
        return len(stopped)

    async def close(self) -> None:
        """Interrupt, and wait until nothing is played."""
        self.interrupt()
        async with self._turn:
            return

    async def _play(self, speech: Speech) -> None:
        command = [part.replace("RATE", str(speech.sample_rate)) for part in self._command()]
        pipes = {"stdin": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.DEVNULL}
        self._process = process = await asyncio.create_subprocess_exec(*command, **pipes)  # type: ignore[arg-type]
        assert process.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
        try:
            async with aclosing(aiter(speech.stream)) as chunks:  # type: ignore[type-var]
                async for chunk in chunks:
                    process.stdin.write(to_pcm(chunk))
                    await process.stdin.drain()
            process.stdin.close()
            code = await process.wait()
        except (BrokenPipeError, ConnectionResetError):
            code = await process.wait()
        finally:
            self._process = None
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if code and not speech.stream.cancelled:
            raise Unavailable(f"{command[0]} could not play (exit code {code}): check the audio device")
