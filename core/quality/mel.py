"""The log-mel distance between two recordings in dB."""

from functools import cache

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.float64]

_WINDOW = 1024
_HOP = 256
_BANDS = 80
# What is 80 dB below the loudest band of the original is clipped in both recordings: there a difference does not count.
_RANGE_DB = 80.0


def mel_distance_db(original: npt.NDArray[np.float32], variant: npt.NDArray[np.float32], sample_rate: int) -> float:
    """Return the difference of the log-mel spectrograms in dB: root mean square over bands, mean over frames.

    Recordings of different lengths are aligned first by dynamic time warping (H. Sakoe, S. Chiba, 1978): a variant that
    changes durations speaks slightly earlier or later, which the duration drift accounts for.
    """
    first, second = _log_mel(original, sample_rate), _log_mel(variant, sample_rate)
    floor = first.max() - _RANGE_DB
    first, second = np.maximum(first, floor), np.maximum(second, floor)
    if len(original) == len(variant):
        return float(np.sqrt(((first - second) ** 2).mean(axis=1)).mean())
    return _warped_distance(first, second)


def _log_mel(audio: npt.NDArray[np.float32], sample_rate: int) -> Frames:
    """Return the power in dB, [frames, bands]."""
    padded = np.pad(audio.astype(np.float64), _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)) ** 2
    decibels: Frames = 10 * np.log10(np.maximum(power @ _mel_filters(sample_rate), 1e-10))
    return decibels


@cache
def _mel_filters(sample_rate: int) -> Frames:
    """Return triangular filters, [bins, bands], evenly spaced on the mel scale of O'Shaughnessy: 2595 log10(1 + f / 700)."""
    top = 2595 * np.log10(1 + sample_rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, _BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(_WINDOW, 1 / sample_rate)[:, None]
    rising = (bins - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins) / np.diff(edges)[1:]
    filters: Frames = np.maximum(0, np.minimum(rising, falling))
    return filters


def _warped_distance(first: Frames, second: Frames) -> float:
    """Return the mean frame distance along the cheapest monotonic path, computed one anti-diagonal at a time."""
    squares = (first**2).mean(axis=1)[:, None] + (second**2).mean(axis=1) - 2 * first @ second.T / first.shape[1]
    distance = np.sqrt(np.maximum(squares, 0))
    rows, columns = distance.shape
    cost = np.full((rows + 1, columns + 1), np.inf)
    steps = np.zeros((rows + 1, columns + 1))
    cost[0, 0] = 0
    for diagonal in range(rows + columns - 1):
        row = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        column = diagonal - row
        ways = np.stack([cost[row, column], cost[row, column + 1], cost[row + 1, column]])
        lengths = np.stack([steps[row, column], steps[row, column + 1], steps[row + 1, column]])
        best = ways.argmin(axis=0), np.arange(len(row))
        cost[row + 1, column + 1] = distance[row, column] + ways[best]
        steps[row + 1, column + 1] = 1 + lengths[best]
    return float(cost[rows, columns] / steps[rows, columns])
