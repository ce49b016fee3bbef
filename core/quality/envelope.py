"""A recording as a picture with a given number of columns: its waveform envelope or its spectrogram."""

import numpy as np
import numpy.typing as npt

Audio = npt.NDArray[np.float32]
Grid = npt.NDArray[np.float64]

_WINDOW_S = 0.025
_FLOOR = 1e-12


def waveform_envelope(audio: Audio, columns: int) -> Grid:
    """Return the minimum and maximum sample of each column, [2, columns]."""
    edges = _edges(len(audio), columns)
    return np.array([np.minimum.reduceat(audio, edges), np.maximum.reduceat(audio, edges)], np.float64)


def spectrogram(audio: Audio, rate: int, columns: int, bands: int) -> Grid:
    """Return the power in dB, [bands, columns], lowest band first. Bands are evenly spaced on the mel scale."""
    from scipy.signal import stft

    _, _, spectrum = stft(audio, rate, nperseg=min(len(audio), int(_WINDOW_S * rate)))
    power = np.abs(spectrum) ** 2
    power = np.add.reduceat(power, _bands(len(power), rate, bands), axis=0)
    power = np.maximum.reduceat(power, _edges(power.shape[1], columns), axis=1)
    return np.asarray(10 * np.log10(power + _FLOOR), np.float64)


def band_edges(rate: int, bands: int) -> npt.NDArray[np.float64]:
    """Return the lower edge of each band in Hz, evenly spaced on the mel scale."""
    highest = 2595 * np.log10(1 + rate / 2 / 700)
    return np.asarray(700 * (10 ** (np.linspace(0, highest, bands, endpoint=False) / 2595) - 1))


def _bands(lines: int, rate: int, bands: int) -> npt.NDArray[np.intp]:
    """Return the first line of the spectrum in each band."""
    first = (band_edges(rate, bands) / (rate / 2) * lines).astype(np.intp)
    return np.maximum.accumulate(first)


def _edges(length: int, columns: int) -> npt.NDArray[np.intp]:
    return np.linspace(0, length, columns, endpoint=False).astype(np.intp)
