"""Training for seconds."""

from dataclasses import replace

import pytest

from core.distill import recipe, run, start
from core.distill.pace import Pace
from core.distill.student import SHAPES

STEPS = 8


def train_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train for a few steps on a few sentences, and save after each."""
    pace = Pace(audio_s=10, checkpoint_s=0, judged_share=0.4, judged_s=0, hopeless_share=2)
    for module in (recipe, run):
        monkeypatch.setattr(module, "PACE", pace)
    for size, shape in SHAPES.items():
        monkeypatch.setitem(SHAPES, size, replace(shape, steps=STEPS))
    # In a few steps no layer grows.
    monkeypatch.setattr(start, "_SHRUNK", 1)
