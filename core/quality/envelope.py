"""What a recording looks like, in as many columns as there is room for: its waveform, or its spectrogram."""

import numpy as np
import numpy.typing as npt

Audio = npt.NDArray[np.float32]
Grid = npt.NDArray[np.float64]

_WINDOW_S = 0.025
_FLOOR = 1e-12


def waveform_envelope(audio: Audio, columns: int) -> Grid:
    """The lowest and the highest sample of each column."""
    edges = _edges(len(audio), columns)
    return np.array([np.minimum.reduceat(audio, edges), np.maximum.reduceat(audio, edges)], np.float64)


def spectrogram(audio: Audio, rate: int, columns: int, bands: int) -> Grid:
    """The power in dB of each band, the lowest first, in each column. Bands are as wide as the ear tells them apart."""
    from scipy.signal import stft

    _, _, spectrum = stft(audio, rate, nperseg=min(len(audio), int(_WINDOW_S * rate)))
    power = np.abs(spectrum) ** 2
    power = np.add.reduceat(power, _bands(len(power), rate, bands), axis=0)
    power = np.maximum.reduceat(power, _edges(power.shape[1], columns), axis=1)
    return np.asarray(10 * np.log10(power + _FLOOR), np.float64)


def band_edges(rate: int, bands: int) -> npt.NDArray[np.float64]:
    """The lower edge of each band in Hz: as far apart as mels are."""
    highest = 2595 * np.log10(1 + rate / 2 / 700)
    return np.asarray(700 * (10 ** (np.linspace(0, highest, bands, endpoint=False) / 2595) - 1))


def _bands(lines: int, rate: int, bands: int) -> npt.NDArray[np.intp]:
    """The first line of the spectrum in each band."""
    first = (band_edges(rate, bands) / (rate / 2) * lines).astype(np.intp)
    return np.maximum.accumulate(first)


def _edges(length: int, columns: int) -> npt.NDArray[np.intp]:
    return np.linspace(0, length, columns, endpoint=False).astype(np.intp)
