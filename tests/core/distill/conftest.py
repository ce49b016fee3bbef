"""A student, and what it is taught."""

import pytest

from core.distill.examples import Example
from core.distill.student import Shape, Student, untrained
from core.graph.index import GraphIndex
from core.vits.hifigan import read_decoder
from tests.core.distill.lessons import lessons_of
from tests.vits import TINY, build_model


@pytest.fixture(scope="module")
def student() -> Student:
    return untrained(read_decoder(GraphIndex(build_model(TINY).graph)), Shape(((3, 1),), steps=8))


@pytest.fixture(scope="module")
def examples(student: Student) -> list[Example]:
    """What another student makes of random activations."""
    return lessons_of(student)
