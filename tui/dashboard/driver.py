"""Textual's terminal driver, made robust against invalid input and against pastes that the terminal does not mark."""

import os
import selectors
from codecs import getincrementaldecoder
from contextlib import suppress

from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from tui.dashboard.pasted_keys import PastedKeys

_POLL_INTERVAL_S = 0.1
_READ_BYTES = 4096


class ResilientDriver(LinuxDriver):
    """A driver that skips bytes that are not UTF-8, from a Latin-1 terminal or line noise, and recognizes pastes.

    Textual's own input thread ends at such a byte, and loses every key that was read together with it, or after it. The
    characters of a paste run as commands if the terminal does not bracket it.
    """

    def run_input_thread(self) -> None:
        """Read input until the app exits."""
        parser, pasted = XTermParser(self._debug), PastedKeys()
        decoder = getincrementaldecoder("utf-8")("ignore")
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(_POLL_INTERVAL_S):
                    text = decoder.decode(os.read(self.fileno, _READ_BYTES))
                    # The parser takes empty text for the end of the input.
                    for message in pasted.merge(parser.feed(text)) if text else ():
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
        with suppress(EOFError, ParseError):
            for _ in parser.feed(""):
                pass
