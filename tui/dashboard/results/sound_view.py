"""A widget that draws a pair of recordings one above the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message

from tui.dashboard.common.plain_text import PlainText

if TYPE_CHECKING:
    from tui.dashboard.results.sound_picture import Recording

_MIN_ROWS = 3
# A title over each picture, and the axis.
_LINES = 3


class SoundView(PlainText):
    """Draws in a thread, to fit its size."""

    @dataclass(frozen=True)
    class Drawing:
        """What to draw."""

        width: int
        rows: int
        """Rows of each picture."""
        as_spectrogram: bool

    @dataclass
    class Drawn(Message):
        """The pictures and the axis have been drawn."""

        drawing: SoundView.Drawing
        pictures: list[list[str]]

    def __init__(self) -> None:
        super().__init__()
        self._recordings: dict[str, Recording] = {}
        self._as_spectrogram = False
        self._drawing: SoundView.Drawing | None = None

    def put(self, recordings: dict[str, Recording]) -> None:
        """Show recordings, each under its title."""
        self._recordings = recordings
        self._draw()

    def switch(self) -> None:
        """Switch between waveform and spectrogram."""
        self._as_spectrogram = not self._as_spectrogram
        self._draw()

    def on_resize(self) -> None:
        """Draw for the new size."""
        self._draw()

    def _draw(self) -> None:
        rows = max(_MIN_ROWS, (self.size.height - _LINES) // 2)
        drawing = self.Drawing(self.size.width, rows, self._as_spectrogram)
        if self._recordings and drawing.width and drawing != self._drawing:
            self._drawing = drawing
            self.run_worker(partial(self._draw_in_thread, drawing), thread=True)

    def _draw_in_thread(self, drawing: SoundView.Drawing) -> None:
        from tui.dashboard.results.sound_picture import draw

        pictures = draw([*self._recordings.values()], drawing.as_spectrogram, drawing.width, drawing.rows)
        self.post_message(self.Drawn(drawing, pictures))

    @on(Drawn)
    def _show_drawn(self, message: Drawn) -> None:
        if message.drawing == self._drawing:
            *pictures, axis = message.pictures
            titled = [[name, *picture] for name, picture in zip(self._recordings, pictures, strict=True)]
            self.show_lines(line for lines in [*titled, axis] for line in lines)
