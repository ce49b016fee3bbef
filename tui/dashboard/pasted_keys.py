"""Recognizes a paste in terminals that do not mark it, so that its characters are not run as commands."""

from collections.abc import Iterable, Iterator

from textual import events
from textual.message import Message

# Nobody types so many characters at once; a held key repeats one of them.
_MIN_LENGTH = 6
_MIN_DIFFERENT = 4
# A long paste arrives in parts.
_CONTINUES_S = 0.1


class PastedKeys:
    """Turns keys that arrive in one piece into a paste."""

    def __init__(self) -> None:
        self._last_paste = float("-inf")

    def merge(self, messages: Iterable[Message]) -> Iterator[Message]:
        """Yield the messages that one piece of input has been parsed into, with pastes for runs of characters."""
        run: list[events.Key] = []
        for message in messages:
            if isinstance(message, events.Key) and (message.is_printable or (run and message.key == "enter")):
                run.append(message)
            else:
                yield from self._end_of(run)
                run = []
                yield message
        yield from self._end_of(run)

    def _end_of(self, run: list[events.Key]) -> Iterator[Message]:
        """Yield a run of characters as one paste or as keys. An Enter at its end stays a key: it may submit what was typed."""
        text, ends = list(run), list[events.Key]()
        while text and text[-1].key == "enter":
            ends.insert(0, text.pop())
        if self._is_paste(text):
            self._last_paste = text[-1].time
            yield events.Paste("".join("\n" if key.key == "enter" else str(key.character) for key in text))
        else:
            yield from text
        yield from ends

    def _is_paste(self, keys: list[events.Key]) -> bool:
        if not keys:
            return False
        is_long = len(keys) >= _MIN_LENGTH and len({key.key for key in keys}) >= _MIN_DIFFERENT
        return is_long or keys[0].time - self._last_paste < _CONTINUES_S
