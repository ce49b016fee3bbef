"""A squared error of audio that counts what is heard: less where the original itself is loud, by time and frequency.

It is a quadratic form of the error, as least squares need: short-time spectra of the error, weighted by a power of those of
the original, which are smoothed as one tone masks its neighbours.
"""

import numpy as np

from core.vits.convolution import Weights

_FRAME, _HOP = 512, 128
# Between 0, where every error counts the same, and 1, where the ratio to the original at each point counts.
_EXPONENT = 0.6
# Of full scale, squared: the noise below which nothing is heard.
_FLOOR = 1e-6
# Frames and bins on either side over which the original is smoothed.
_FRAMES, _BINS = 1, 2


class AudibleError:
    """The error against an original, without `edge` samples at either end."""

    def __init__(self, original: Weights, edge: int) -> None:
        self._window = np.sqrt(np.hanning(_FRAME + 1)[:-1]).astype(np.float32)
        self.samples = len(original)
        power = np.abs(self._spectra(original)) ** 2 / float(np.sum(self._window**2))
        weights = (1 / (_smoothed(power.astype(np.float32)) + _FLOOR) ** _EXPONENT).astype(np.float32)
        begins = np.arange(len(weights)) * _HOP
        weights[(begins < edge) | (begins + _FRAME > self.samples - edge)] = 0
        self._weights = weights

    def weigh(self, error: Weights) -> Weights:
        """Return the gradient of half the squared error."""
        return self._joined(self._spectra(error) * self._weights)

    def draw(self, random: np.random.Generator) -> Weights:
        """Return noise whose covariance is that of the quadratic form."""
        noise = random.standard_normal((len(self._weights), _FRAME)).astype(np.float32)
        return self._joined(np.fft.rfft(noise, axis=1) * np.sqrt(self._weights))

    def _spectra(self, audio: Weights) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(audio, _FRAME)[::_HOP]
        return np.fft.rfft(frames * self._window, axis=1)

    def _joined(self, spectra: np.ndarray) -> Weights:
        """Return the audio of overlapping frames."""
        frames = np.fft.irfft(spectra, _FRAME, axis=1).astype(np.float32) * self._window
        out = np.zeros(self.samples, np.float32)
        for part in range(_FRAME // _HOP):
            spread = frames[:, part * _HOP : (part + 1) * _HOP].reshape(-1)
            out[part * _HOP : part * _HOP + len(spread)] += spread
        return out


def _smoothed(power: Weights) -> Weights:
    padded = np.pad(power, ((_FRAMES, _FRAMES), (_BINS, _BINS)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * _FRAMES + 1, 2 * _BINS + 1))
    smoothed: Weights = windows.mean(axis=(2, 3), dtype=np.float32)
    return smoothed
