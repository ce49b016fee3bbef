"""Textual's terminal driver, made robust against invalid input and against pastes that the terminal does not mark."""

import os
import selectors
from codecs import getincrementaldecoder

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from tui.dashboard.pasted_keys import PastedKeys

_READ_BYTES = 4096
_POLL_INTERVAL_S = 0.1


class ResilientDriver(LinuxDriver):
    """A driver that ignores bytes that are not UTF-8, from a Latin-1 terminal or line noise, and recognizes pastes.

    In Textual such a byte ends the input thread, and with it every key; and the characters of a paste run as commands if
    the terminal does not bracket it.
    """

    def run_input_thread(self) -> None:
        """Read input until the app exits."""
        parser, pasted = XTermParser(), PastedKeys()
        decode = getincrementaldecoder("utf-8")(errors="ignore").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                text = decode(os.read(self.fileno, _READ_BYTES)) if selector.select(_POLL_INTERVAL_S) else ""
                if text:
                    for message in pasted.merge(parser.feed(text)):
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
