"""Recordings drawn in text cells on one time axis. Importing this imports NumPy: do it in a thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from core.quality.envelope import Audio, Grid, band_edges, spectrogram, waveform_envelope

_GUTTER = 9
_SHADES = " ░▒▓█"
# Cells this much quieter than the loudest are blank.
_DEPTH_DB = 60.0
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
# The least room for a label of the axis.
_LABEL = 8


@dataclass(frozen=True)
class Recording:
    """A recording with its sample rate in Hz."""

    audio: Audio
    rate: int

    @property
    def seconds(self) -> float:
        """Return the duration."""
        return len(self.audio) / self.rate


def draw(recordings: Sequence[Recording], as_spectrogram: bool, width: int, rows: int) -> list[list[str]]:
    """Draw each recording in `rows` lines, and last their common axis."""
    columns = max(1, width - _GUTTER)
    longest = max(recording.seconds for recording in recordings)
    widths = [max(1, round(columns * recording.seconds / longest)) for recording in recordings]
    draw_all = _spectrograms if as_spectrogram else _waveforms
    pictures = draw_all(recordings, widths, rows)
    return [*pictures, [_axis(longest, columns)]]


def _waveforms(recordings: Sequence[Recording], widths: Sequence[int], rows: int) -> list[list[str]]:
    """Draw waveforms in half cells; the loudest of all fills the height."""
    outlines = [waveform_envelope(one.audio, width) for one, width in zip(recordings, widths, strict=True)]
    peak = max(float(np.abs(outline).max()) for outline in outlines) or 1.0
    return [[" " * _GUTTER + line for line in _outline(outline / peak, rows)] for outline in outlines]


def _outline(outline: Grid, rows: int) -> list[str]:
    halves = 2 * rows
    place = np.arange(halves)[:, None]
    top, bottom = (np.clip(((1 - edge) / 2 * halves).astype(int), 0, halves - 1) for edge in (outline[1], outline[0]))
    filled = (place >= top) & (place <= bottom)
    cells = filled[0::2] + 2 * filled[1::2]
    return ["".join(" ▀▄█"[cell] for cell in row) for row in cells]


def _spectrograms(recordings: Sequence[Recording], widths: Sequence[int], rows: int) -> list[list[str]]:
    """Draw spectrograms, low bands at the bottom; the loudest cell of all is the darkest."""
    grids = [spectrogram(one.audio, one.rate, width, rows) for one, width in zip(recordings, widths, strict=True)]
    loudest = max(float(grid.max()) for grid in grids)
    pictures = []
    for one, grid in zip(recordings, grids, strict=True):
        shades = np.clip((grid - loudest + _DEPTH_DB) / _DEPTH_DB * len(_SHADES), 0, len(_SHADES) - 1).astype(int)
        labels = _frequencies(one.rate, rows)
        lines = [label + "".join(_SHADES[shade] for shade in row) for label, row in zip(labels, shades, strict=True)]
        pictures.append(lines[::-1])
    return pictures


def _frequencies(rate: int, rows: int) -> list[str]:
    """Label every second row with its lowest frequency."""
    edges = band_edges(rate, rows)
    return [f"{edge / 1000:4.1f} kHz " if row % 2 == 0 else " " * _GUTTER for row, edge in enumerate(edges)]


def _axis(seconds: float, columns: int) -> str:
    step = next((step for step in _STEPS if step / seconds * columns >= _LABEL), _STEPS[-1])
    times = np.arange(0, seconds, step)
    places = [round(time / seconds * columns) for time in times]
    labels = [f"{time:g} s" for time in times]
    gaps = [after - before for before, after in pairwise([*places, columns])]
    return " " * _GUTTER + "".join(label[:gap].ljust(gap) for label, gap in zip(labels, gaps, strict=True))
