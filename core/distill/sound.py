"""How a student sounds on sentences that it is not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from core.distill.examples import Example
from core.distill.network import StudentModule
from core.quality.mel import mel_distance_db
from core.quality.perceptual import perceptual_scores


@dataclass(frozen=True)
class Sound:
    """Means over the sentences."""

    mel_db: float
    pesq: float | None
    """None where it cannot be measured, as without the package pesq."""

    @property
    def rank(self) -> float:
        """Return a figure that is higher for what is nearer to the original: PESQ where it can be measured."""
        return -self.mel_db if self.pesq is None else self.pesq

    def is_better_than(self, other: Self) -> bool:
        """Return whether it is nearer to the original."""
        return self.rank > other.rank

    def __str__(self) -> str:
        return f"{self.mel_db:.2f} dB mel distance" if self.pesq is None else f"PESQ {self.pesq:.2f}"


def judge(student: StudentModule, examples: Sequence[Example], sample_rate: int) -> Sound:
    """Return how a student speaks the examples."""
    originals = [example.samples.astype(np.float32) for example in examples]
    recordings = [_speak(student, example) for example in examples]
    mel = [mel_distance_db(a, b, sample_rate) for a, b in zip(originals, recordings, strict=True)]
    return Sound(float(np.mean(mel)), perceptual_scores(originals, recordings, sample_rate).pesq)


def _speak(student: StudentModule, example: Example) -> npt.NDArray[np.float32]:
    device = next(student.parameters()).device
    activations = torch.from_numpy(example.activations.T[None].astype(np.float32))
    with torch.no_grad():
        samples: npt.NDArray[np.float32] = student(activations.to(device))[0].cpu().numpy()
    return samples
