"""Textual's terminal driver, made robust against invalid input."""

import os
import selectors
from codecs import getincrementaldecoder
from contextlib import suppress

from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

_POLL_INTERVAL_S = 0.1
_READ_BYTES = 4096


class ResilientDriver(LinuxDriver):
    """A driver that skips bytes that are not UTF-8, from a Latin-1 terminal or line noise, and nothing else.

    Textual's own input thread ends at such a byte, and loses every key that was read together with it, or after it.
    """

    def run_input_thread(self) -> None:
        """Read input until the app exits."""
        parser = XTermParser(self._debug)
        decoder = getincrementaldecoder("utf-8")("ignore")
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(_POLL_INTERVAL_S):
                    text = decoder.decode(os.read(self.fileno, _READ_BYTES))
                    # The parser takes empty text for the end of the input.
                    for event in parser.feed(text) if text else ():
                        self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)
        with suppress(EOFError, ParseError):
            for _ in parser.feed(""):
                pass
