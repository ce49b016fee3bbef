"""Tones that a variant adds to the voice: narrow lines of its spectrum that the original does not have.

A decoder that computes several samples at once, or one that was cut down, may repeat the same small error in every step. That
is a tone at the rate of the steps and at its multiples: 689 Hz for 32 samples at 22,050 Hz. PESQ and the mel distance hardly
notice it. Here no rate is known beforehand: every frequency is compared.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Recording = npt.NDArray[np.float32]
Powers = npt.NDArray[np.float64]

# Lines of 5.4 Hz at 22,050 Hz for speech as a whole. Pauses are short: most fit only the smaller window.
_WINDOW, _PAUSE_WINDOW = 4096, 2048
_OVERLAP = 4
# The quietest frames are pauses: in a sentence of two seconds, 0.3 s.
_QUIET_SHARE = 0.15
# A neighborhood reaches 215 Hz to each side at 22,050 Hz: wide enough that tones every 86 Hz, the rate of Piper's frames, are
# not taken for its level, which is the median.
_NEAR_HZ = 215.0
_LOWEST_HZ = 50.0
# Variants of a real voice whose tones are at 3.5 to 4 dB in a minute of speech reach 8 dB in two seconds, and 6 dB in ten.
_SHORTEST_S = 10.0
# A tone of −75 dB of full scale is 50 dB below en_US-joe-medium's speech: when that is as loud as a conversation, the tone is
# not heard even in a quiet room.
_FLOOR = 10**-7.5
# Two sessions that compute the same differ by less.
_ROUNDING_DB = 0.01
# Hann's main lobe spreads a tone over three lines.
_LOBE = np.ones(3) / 1.5


@dataclass(frozen=True)
class Tone:
    """The tone of a variant that stands out most above the original's spectrum."""

    excess_db: float
    """How much more it stands out than the original's spectrum at that frequency; 0 if none does."""
    hz: float | None
    """Its frequency; None if there is none."""


def worst_tone(original: Sequence[Recording], variant: Sequence[Recording], sample_rate: int) -> Tone | None:
    """Return the tone that a variant's recordings, float32 [samples] each, have and the original's do not.

    The recordings need not be equally long. Two spectra are compared, the worse one counts: the mean over everything, and the
    mean over the quietest frames, where no speech masks a tone. In each, a line's excess is how much higher it is above its
    neighborhood than the original's line, but at most by how much it is louder: what the original hums, too, does not count.
    Returns None for less than ten seconds, in which chance makes tones.
    """
    if min(sum(map(len, original)), sum(map(len, variant))) < _SHORTEST_S * sample_rate:
        return None
    tones = [
        _worst(_mean_spectrum(original, _WINDOW), _mean_spectrum(variant, _WINDOW), sample_rate),
        _worst(_quiet_spectrum(original), _quiet_spectrum(variant), sample_rate),
    ]
    return max(tones, key=lambda tone: tone.excess_db)


def _worst(original: Powers, variant: Powers, sample_rate: int) -> Tone:
    line_hz = sample_rate / (2 * (len(original) - 1))
    near = max(2, round(_NEAR_HZ / line_hz))
    before, before_height = _lines(original, near)
    after, after_height = _lines(variant, near)
    excess = np.minimum(after - before, after_height - before_height)
    lowest = int(np.ceil(_LOWEST_HZ / line_hz))
    number = lowest + int(excess[lowest:].argmax())
    if excess[number] < _ROUNDING_DB:
        return Tone(0.0, None)
    # Of the lines in the main lobe, the one that the tone is in.
    peak = number - 1 + int(variant[number - 1 : number + 2].argmax())
    return Tone(float(excess[number]), peak * line_hz)


def _lines(spectrum: Powers, near: int) -> tuple[Powers, Powers]:
    """Return the level of each line, and its height above its neighborhood, in dB."""
    from scipy.ndimage import median_filter

    level = 10 * np.log10(np.convolve(spectrum, _LOBE, "same") + _FLOOR)
    return level, level - median_filter(level, size=2 * near + 1, mode="nearest")


def _mean_spectrum(
    recordings: Sequence[Recording], window: int, counts: Callable[[Powers], Powers] = np.ones_like
) -> Powers:
    """Return the mean power of each line over the frames whose energies count. A sine wave has the power of its samples."""
    shape = np.hanning(window)
    shape *= np.sqrt(2) / shape.sum()
    total, number = np.zeros(window // 2 + 1), 0
    for frames in _frames(recordings, window):
        counted = frames[counts(_energies(frames)) > 0]
        total += (np.abs(np.fft.rfft(counted * shape)) ** 2).sum(axis=0)
        number += len(counted)
    mean: Powers = total / max(1, number)
    return mean


def _quiet_spectrum(recordings: Sequence[Recording]) -> Powers:
    energies = [_energies(frames) for frames in _frames(recordings, _PAUSE_WINDOW)]
    limit = np.quantile(np.concatenate(energies), _QUIET_SHARE) if energies else 0.0
    return _mean_spectrum(recordings, _PAUSE_WINDOW, lambda energies: (energies <= limit).astype(np.float64))


def _energies(frames: Powers) -> Powers:
    energies: Powers = ((frames * np.hanning(frames.shape[1])) ** 2).sum(axis=1)
    return energies


def _frames(recordings: Sequence[Recording], window: int) -> Iterator[Powers]:
    """Yield the overlapping frames of each recording, [frames, window]; a shorter recording is one frame."""
    for audio in recordings:
        padded = np.pad(audio.astype(np.float64), (0, max(0, window - len(audio))))
        yield np.lib.stride_tricks.sliding_window_view(padded, window)[:: window // _OVERLAP]
