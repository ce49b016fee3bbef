"""One gain for all sentences of a voice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve.loudness import amplify, gain_of


def sentence(peak: float) -> np.ndarray:
    return np.array([0, peak / 2, -peak, 0], np.float32)


def test_the_usual_sentence_nearly_reaches_full_scale() -> None:
    gain = gain_of([sentence(peak) for peak in (0.1, 0.3, 0.9)])
    assert np.abs(amplify(sentence(0.3), gain)).max() == pytest.approx(0.9)


def test_quiet_and_loud_sentences_keep_their_difference() -> None:
    quiet, loud = (np.abs(amplify(sentence(peak), 2.0)).max() for peak in (0.1, 0.4))
    assert (quiet, loud) == (pytest.approx(0.2), pytest.approx(0.8))


@pytest.mark.parametrize("spoken", [[], [np.zeros(0, np.float32)], [np.zeros(10, np.float32)]])
def test_a_voice_without_sound_is_not_amplified(spoken: list[np.ndarray]) -> None:
    assert gain_of(spoken or [np.zeros(1, np.float32)]) == 1.0


@given(st.lists(st.floats(-5, 5, width=32), min_size=1), st.floats(0, 10))
def test_nothing_exceeds_full_scale_and_louder_stays_louder(values: list[float], gain: float) -> None:
    audio = np.sort(np.array(values, np.float32))
    louder = amplify(audio, gain)
    assert louder.dtype == np.float32
    assert np.abs(louder).max() <= 1
    assert (np.diff(louder) >= 0).all()
