"""Textual's terminal driver, made robust against invalid input."""

from contextlib import suppress

from textual.drivers.linux_driver import LinuxDriver


class ResilientDriver(LinuxDriver):
    """A driver that survives bytes that are not UTF-8, from a Latin-1 terminal or line noise.

    Such a byte ends Textual's input thread, and with it every key: this driver starts to read again.
    """

    def run_input_thread(self) -> None:
        """Read input until the app exits."""
        while not self.exit_event.is_set():
            with suppress(UnicodeDecodeError):
                super().run_input_thread()
