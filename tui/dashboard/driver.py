"""Textual's driver for terminals, made to outlive what is no text."""

from contextlib import suppress

from textual.drivers.linux_driver import LinuxDriver


class ResilientDriver(LinuxDriver):
    """A byte that is no UTF-8, from another terminal's é or a bad line, ends the reading of keys: it begins again."""

    def run_input_thread(self) -> None:
        while not self.exit_event.is_set():
            with suppress(UnicodeDecodeError):
                super().run_input_thread()
