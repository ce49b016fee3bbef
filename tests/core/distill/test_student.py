"""A student: its shape follows the voice, and a file speaks as PyTorch does."""

from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from core.distill.network import StudentModule
from core.distill.recipe import _kernel
from core.distill.sentences import Utterance
from core.distill.student import SHAPES, SMOOTHED, Student, triangles, untrained
from core.distill.student_tail import StudentTail
from core.distill.teacher import Teacher
from core.engines.ort import OrtVoice
from core.graph.index import GraphIndex
from core.rewrite.chunked_decoder import Chunking, replace_tail
from core.vits.convolution import Convolution
from core.vits.hifigan import Decoder, read_decoder
from core.vits.voice_graph import VoiceGraph
from tests.vits import HIGH, MULTI_SPEAKER, TINY, X_LOW, VitsShape, build_model

VOICES = {"medium": TINY, "high": HIGH, "x_low": X_LOW, "multi-speaker": MULTI_SPEAKER}
SHAPE = SHAPES["medium"]
IDS = (1, *range(14, 60), 2)


def decoder_of(shape: VitsShape) -> Decoder:
    return read_decoder(GraphIndex(build_model(shape).graph))


def convolved(x: Tensor, conv: Convolution) -> Tensor:
    weight, bias = torch.tensor(conv.weight), torch.tensor(conv.bias)
    return functional.conv1d(x, weight, bias, padding=conv.same_padding, dilation=conv.dilation)


def interpolated(x: Tensor, count: int) -> Tensor:
    """Linear interpolation to the middles of `count` parts of each position; the first and the last value go on."""
    return functional.interpolate(x, scale_factor=count, mode="linear", align_corners=False)


def smoothed(power: Tensor) -> Tensor:
    """The mean over the positions around each one, as far as there are any."""
    beside = SMOOTHED // 2
    around = [power[:, :, max(0, at - beside) : at + beside + 1].mean(dim=2) for at in range(power.shape[2])]
    return torch.stack(around, dim=2)


def by_its_definition(student: Student, x: Tensor) -> Tensor:
    """The samples of the kept stages' output, [1, positions, channels]."""
    first = convolved(functional.leaky_relu(x.transpose(1, 2), student.slope), student.first)
    level = torch.sqrt(smoothed(smoothed(first.square().mean(dim=1, keepdim=True))) + 1e-6)
    y = first.unflatten(1, (student.upsampling, -1)).permute(0, 2, 3, 1).flatten(2)
    y = y * interpolated(1 / level, student.upsampling)
    for conv in student.residuals:
        y = y + convolved(functional.leaky_relu(y, student.inner_slope), conv)
    samples = convolved(functional.leaky_relu(y, student.inner_slope), student.last).transpose(1, 2).flatten(1)
    return torch.tanh(samples * interpolated(level, student.rate)[:, 0])


@pytest.mark.parametrize("voice", VOICES)
def test_a_student_computes_what_its_layers_say(voice: str) -> None:
    module = StudentModule(untrained(decoder_of(VOICES[voice]), SHAPE))
    student = module.to_student()
    x = torch.randn(1, 30, student.first.weight.shape[1], generator=torch.manual_seed(1))
    assert torch.allclose(module(x), by_its_definition(student, x), atol=1e-6)


@pytest.mark.parametrize("voice", VOICES)
def test_a_student_has_the_rate_of_the_stages_that_it_replaces(voice: str) -> None:
    decoder = decoder_of(VOICES[voice])
    student = untrained(decoder, SHAPE)
    assert student.rate == prod(stage.upsampler.rate for stage in decoder.stages[1:])
    assert student.channels == 2 * decoder.stages[1].channels


@pytest.mark.parametrize("voice", VOICES)
def test_its_first_layer_starts_as_the_upsampler_of_the_voice(voice: str) -> None:
    decoder = decoder_of(VOICES[voice])
    own = decoder.stages[1].upsampler
    x = torch.randn(1, own.weight.shape[0], 12, generator=torch.manual_seed(2))
    weight, bias = torch.tensor(own.weight), torch.tensor(own.bias)
    expected = functional.conv_transpose1d(x, weight, bias, stride=own.rate, padding=own.padding)
    positions = convolved(x, untrained(decoder, SHAPE).first).unflatten(1, (own.rate, -1))
    assert torch.allclose(positions.permute(0, 2, 3, 1).flatten(2), expected, atol=1e-6)


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("chunking", [Chunking(), Chunking(16, 2)], ids=str)
def test_a_voice_with_a_student_speaks_as_it_does_in_training(voice: str, chunking: Chunking, tmp_path: Path) -> None:
    model = build_model(replace(VOICES[voice], upsample_channels=96))
    decoder = VoiceGraph(model).decoder
    assert decoder is not None
    lesson = Teacher(model, model, decoder, _kernel, threads=1).latents(Utterance(IDS))()
    activations = torch.from_numpy(lesson.activations.T[None].copy())
    module = StudentModule(untrained(decoder, SHAPE))
    module.int8 = True
    with torch.no_grad():
        expected = module(activations)[0].numpy()
    tail = StudentTail(module.to_student(), decoder.stages[0].divisor)
    path = tmp_path / "student.onnx"
    onnx.save(replace_tail(model, decoder, chunking, _kernel, tail), path)
    spoken = OrtVoice(path, threads=1).synthesize(list(IDS))
    assert np.sum((spoken - expected) ** 2) < 1e-6 * np.sum(expected**2)


def test_a_student_is_rounded_to_as_many_levels_as_its_kernels_have() -> None:
    module = StudentModule(untrained(decoder_of(TINY), SHAPE))
    module.int8 = True
    module(torch.randn(1, 30, 16, generator=torch.manual_seed(1)))
    student = module.to_student()
    assert len(student.ranges) == 1 + len(student.residuals)
    assert all(0 <= seen.zero_point <= 255 and seen.scale > 0 for seen in student.ranges)
    for conv in (student.first, *student.residuals):
        for row in conv.weight:
            steps = row / (np.abs(row).max() / 63)
            assert np.abs(steps - np.rint(steps)).max() < 1e-3


def test_all_outputs_respond_alike_to_what_does_not_change() -> None:
    """Otherwise there is a tone at the rate of the positions."""
    student = StudentModule(untrained(decoder_of(TINY), SHAPE)).to_student()
    response = student.last.weight.sum(axis=2)
    assert np.abs(response - response[0]).max() < 1e-5
    assert student.last.bias is not None
    assert len(set(student.last.bias)) == 1


def test_points_between_two_values_lie_on_the_line_between_them() -> None:
    values = torch.tensor([[[1.0, 3.0, 2.0]]])
    padded = functional.pad(values, (1, 1), mode="replicate")
    for count in (1, 4, 32):
        weights = torch.from_numpy(triangles(count))[:, None]
        points = functional.conv1d(padded, weights).transpose(1, 2).flatten(1)
        assert torch.allclose(points, interpolated(values, count)[0], atol=1e-6)


def test_a_student_speaks_quiet_audio_as_it_speaks_loud_audio() -> None:
    """Its hidden layers are without biases where they start, so that only the level differs."""
    module = StudentModule(untrained(decoder_of(TINY), SHAPE))
    x = torch.randn(1, 60, 16, generator=torch.manual_seed(1))
    module.first.bias.zero_()
    loud, quiet = (torch.atanh(module(scale * x)) for scale in (1.0, 0.1))
    assert torch.allclose(0.1 * loud, quiet, rtol=0.01, atol=1e-5)


def test_hidden_layers_are_trained_in_the_precision_of_the_context() -> None:
    """bfloat16 is several times as fast as float32 where the CPU computes it."""
    module = StudentModule(untrained(decoder_of(TINY), SHAPE))
    seen = []
    for layer in (module.first, *module.residuals, module.last):
        layer.register_forward_hook(lambda layer, given, output: seen.append(output.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        module(torch.randn(1, 30, 16))
    assert seen == [*[torch.bfloat16] * (1 + len(SHAPE.residuals)), torch.float32]
