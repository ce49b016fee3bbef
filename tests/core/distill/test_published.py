"""A student, read back out of the file that it was published in."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from core.distill.published import read_student
from core.distill.student import SHAPES, Size
from core.graph.errors import UnsupportedGraph
from core.graph.index import attributes_of
from tests.core.distill.students import VOICES, decoder_of, rounded_student, with_published
from tests.vits import TINY, build_model


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("voice", VOICES)
def test_a_student_is_read_back_as_it_was_written(voice: str, size: Size) -> None:
    decoder = decoder_of(VOICES[voice])
    student = rounded_student(decoder, size)
    read = read_student(with_published(VOICES[voice], student), decoder.stages[0].divisor)
    assert read.upsampling == student.upsampling
    assert (read.slope, read.inner_slope) == pytest.approx((student.slope, student.inner_slope))
    assert np.array(read.ranges) == pytest.approx(np.array(student.ranges))
    layers = [(one.first, *one.residuals, one.last) for one in (read, student)]
    for conv, written in zip(*layers, strict=True):
        assert conv.dilation == written.dilation
        np.testing.assert_array_equal(conv.bias, written.bias)
        # Hidden weights are rounded when they are written: those of a student after its training are already.
        np.testing.assert_allclose(conv.weight, written.weight, atol=np.abs(written.weight).max() / 126)
    np.testing.assert_array_equal(read.last.weight, student.last.weight)


def test_a_student_is_found_whatever_its_tensors_are_called() -> None:
    decoder = decoder_of(TINY)
    model = with_published(TINY, rounded_student(decoder))
    body = _body(model)
    for node in body.node:
        for names in (node.input, node.output):
            names[:] = [f"renamed {name}" if name.startswith("/windowed/turn/") else name for name in names]
    for tensor in body.initializer:
        tensor.name = f"renamed {tensor.name}"
    read = read_student(model, decoder.stages[0].divisor)
    assert len(read.residuals) == len(SHAPES["medium"].residuals)


def _body(model: onnx.ModelProto) -> onnx.GraphProto:
    (loop,) = (node for node in model.graph.node if node.op_type == "Loop")
    body: onnx.GraphProto = attributes_of(loop)["body"]
    return body


def _nodes(body: onnx.GraphProto, op_type: str) -> list[onnx.NodeProto]:
    return [node for node in body.node if node.op_type == op_type]


def _other_attribute(op_type: str, name: str, value: Any) -> Callable[[onnx.GraphProto], None]:
    """Replace an attribute of the last operator of a kind."""

    def change(body: onnx.GraphProto) -> None:
        node = _nodes(body, op_type)[-1]
        kept = [entry for entry in node.attribute if entry.name != name]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute(name, value)])

    return change


def _other_operator(op_type: str, other: str) -> Callable[[onnx.GraphProto], None]:
    def change(body: onnx.GraphProto) -> None:
        for node in _nodes(body, op_type):
            node.op_type = other

    return change


def _other_constant(
    op_type: str, number: int, change_values: Callable[[Any], Any]
) -> Callable[[onnx.GraphProto], None]:
    """Replace the constants that the operators of a kind read there."""

    def change(body: onnx.GraphProto) -> None:
        names = {node.input[number] for node in _nodes(body, op_type)}
        for tensor in (tensor for tensor in body.initializer if tensor.name in names):
            changed = np.array(change_values(numpy_helper.to_array(tensor)))
            tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))

    return change


def _no_constants(body: onnx.GraphProto) -> None:
    del body.initializer[:]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_other_operator("MatMulIntegerToFloat", "MatMul"), "it has no student, or one that an earlier version made"),
        (_other_operator("Sqrt", "Identity"), "no Sqrt where a student has one"),
        (_other_operator("AveragePool", "MaxPool"), "no AveragePool where a student has one"),
        (_other_operator("LeakyRelu", "Relu"), "no LeakyRelu where a student has one"),
        (_other_operator("Reciprocal", "Neg"), "no Reciprocal where a student has one"),
        (_other_operator("ReduceMean", "ReduceSum"), "no ReduceMean where a student has one"),
        (_other_attribute("LeakyRelu", "alpha", 0.3), "its student has different activations"),
        (_other_attribute("AveragePool", "kernel_shape", [31]), "its student has a level over another time"),
        (_other_attribute("Pad", "mode", "reflect"), "its student has an output that is not multiplied by the level"),
        (_other_attribute("ReduceMean", "axes", [1]), "its student has a level of single channels"),
        (_other_constant("Pad", 1, lambda pads: pads + 1), "its student has a convolution that changes the length"),
        (_other_constant("Slice", 1, lambda starts: starts + 1), "taps that are not evenly spaced"),
        (_other_constant("QuantizeLinear", 1, lambda scale: 2 * scale), "its student has a range that is not that of its input"),
        (_other_constant("Add", 1, lambda power: 1 + power), "its student has another least level"),
        (_other_constant("MatMulIntegerToFloat", 3, lambda scales: scales[1:]), "its student is not written as this version"),
        (_no_constants, "a weight of its student that is not constant"),
    ],
)  # fmt: skip
def test_what_is_not_written_like_a_student_is_refused(change: Callable[[onnx.GraphProto], None], reason: str) -> None:
    decoder = decoder_of(TINY)
    model = with_published(TINY, rounded_student(decoder))
    change(_body(model))
    with pytest.raises(UnsupportedGraph, match=reason):
        read_student(model, decoder.stages[0].divisor)


def test_a_voice_without_a_student_is_refused() -> None:
    with pytest.raises(UnsupportedGraph, match="it has no student"):
        read_student(build_model(TINY), 1.0)
