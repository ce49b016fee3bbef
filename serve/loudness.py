"""One loudness for all sentences of a voice.

Piper amplifies each sentence to full scale, which needs the whole sentence and makes quiet ones as loud as loud ones. Here a
voice has one gain, so that its usual sentence nearly reaches full scale, and what would exceed that is bent, not cut.
"""

import numpy as np

from core.engines.engine import Audio

_USUAL_PEAK, _LINEAR = 0.9, 0.9
_MAX_GAIN = 10.0


def gain_of(sentences: list[Audio]) -> float:
    """Return the gain for a voice that speaks these sentences."""
    peak = float(np.median([np.abs(audio).max(initial=0.0) for audio in sentences]))
    return min(_MAX_GAIN, _USUAL_PEAK / peak) if peak > 0 else 1.0


def amplify(audio: Audio, gain: float) -> Audio:
    """Return the audio with that gain, within -1..1: above nine tenths it approaches full scale smoothly."""
    louder = audio * np.float32(gain)
    size = np.abs(louder)
    if size.max(initial=0.0) <= _LINEAR:
        return louder
    room = 1 - _LINEAR
    bent = _LINEAR + room * np.tanh((size - _LINEAR) / room)
    return np.where(size > _LINEAR, np.sign(louder) * bent, louder).astype(np.float32)
