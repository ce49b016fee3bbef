"""Variants with a student that nothing was taught: files with the structure of distilled variants, without a training."""

import onnx
import torch

from core.distill.network import StudentModule
from core.distill.recipe import _kernel
from core.distill.student import SHAPES, Size, Student, untrained
from core.distill.student_tail import StudentTail
from core.rewrite.chunked_decoder import Chunking, replace_tail
from core.vits.hifigan import Decoder
from core.vits.voice_graph import VoiceGraph
from tests.vits import HIGH, MULTI_SPEAKER, TINY, X_LOW, VitsShape, build_model

VOICES = {"medium": TINY, "high": HIGH, "x_low": X_LOW, "multi-speaker": MULTI_SPEAKER}


def decoder_of(shape: VitsShape) -> Decoder:
    """Return the decoder of a voice."""
    decoder = VoiceGraph(build_model(shape)).decoder
    assert decoder is not None
    return decoder


def rounded_student(decoder: Decoder, size: Size = "medium") -> Student:
    """Return a student with the ranges of random values."""
    module = StudentModule(untrained(decoder, SHAPES[size]))
    module.int8 = True
    module(torch.randn(1, 60, decoder.stages[0].channels, generator=torch.manual_seed(1)))
    return module.to_student()


def with_published(shape: VitsShape, student: Student) -> onnx.ModelProto:
    """Return the model of a voice, with this student behind its first stage."""
    decoder = decoder_of(shape)
    tail = StudentTail(student, decoder.stages[0].divisor)
    return replace_tail(build_model(shape), decoder, Chunking(), _kernel, tail)
