"""What another student makes of random activations, for students of tests to learn."""

import numpy as np
import torch

from core.distill.arithmetic import Arithmetic
from core.distill.crops import CROP
from core.distill.examples import Example
from core.distill.network import StudentModule
from core.distill.student import Student

EXACT = Arithmetic("cpu", torch.float32)
RATE = 16_000


def lessons_of(student: Student) -> list[Example]:
    """Return examples that a student with other weights than this one's has made."""
    dice = np.random.default_rng(5)
    module = StudentModule(student)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.from_numpy(dice.normal(0, 0.1, parameter.shape).astype(np.float32)))
    found = []
    for _ in range(3):
        activations = dice.normal(0, 1, (CROP + 40, student.first.weight.shape[1])).astype(np.float32)
        with torch.no_grad():
            samples = module(torch.from_numpy(activations[None]))[0].numpy()
        found.append(Example(activations.T.astype(np.float16), samples.astype(np.float16)))
    return found
