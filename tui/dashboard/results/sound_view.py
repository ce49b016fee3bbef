"""A pair of recordings as pictures above each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message

from tui.dashboard.common.plain_text import PlainText

if TYPE_CHECKING:
    from tui.dashboard.results.sound_picture import Recording

_LEAST_ROWS = 3
# Beside the pictures: a line over each, and the axis.
_LINES = 3


class SoundView(PlainText):
    """Draws in a thread, for the room that there is."""

    @dataclass(frozen=True)
    class Asked:
        """What is to be drawn."""

        width: int
        rows: int
        """Of each picture."""
        as_spectrogram: bool

    @dataclass
    class Drawn(Message):
        """The pictures, and the axis."""

        asked: SoundView.Asked
        pictures: list[list[str]]

    def __init__(self) -> None:
        super().__init__()
        self._recordings: dict[str, Recording] = {}
        self._as_spectrogram = False
        self._asked: SoundView.Asked | None = None

    def put(self, recordings: dict[str, Recording]) -> None:
        """By what stands over them."""
        self._recordings = recordings
        self._draw()

    def switch(self) -> None:
        """From the waveform to the spectrogram, or back."""
        self._as_spectrogram = not self._as_spectrogram
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        rows = max(_LEAST_ROWS, (self.size.height - _LINES) // 2)
        asked = self.Asked(self.size.width, rows, self._as_spectrogram)
        if self._recordings and asked.width and asked != self._asked:
            self._asked = asked
            self.run_worker(partial(self._draw_apart, asked), thread=True)

    def _draw_apart(self, asked: SoundView.Asked) -> None:
        from tui.dashboard.results.sound_picture import draw

        pictures = draw([*self._recordings.values()], asked.as_spectrogram, asked.width, asked.rows)
        self.post_message(self.Drawn(asked, pictures))

    @on(Drawn)
    def _show_drawn(self, message: Drawn) -> None:
        if message.asked == self._asked:
            *pictures, axis = message.pictures
            told = [[name, *picture] for name, picture in zip(self._recordings, pictures, strict=True)]
            self.show_lines(line for lines in [*told, axis] for line in lines)
