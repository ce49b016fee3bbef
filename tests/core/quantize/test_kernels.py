"""Weights and ranges in few bits: their limits and their errors."""

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from onnx import TensorProto, helper

from core.graph.builder import GraphBuilder
from core.quantize.gptq import gptq
from core.quantize.kernels import int4_blocks
from core.quantize.kernels.static_int8 import QuantParams, StaticConvolutions
from core.quantize.kernels.weight_rounding import MAX_WEIGHT, quantize_per_channel
from core.quantize.kernels.weight_storage import store_as_fp16, store_as_int8
from core.quantize.ranges import fit_range
from core.vits.convolution import Convolution

finite = st.floats(-100, 100, width=32)
matrices = npst.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 40)), elements=finite)
values = npst.arrays(np.float32, st.integers(1, 200), elements=finite)


@given(matrices)
def test_no_two_products_of_a_rounded_weight_exceed_16_bits(matrix: np.ndarray) -> None:
    integers, _ = quantize_per_channel(matrix)
    assert np.abs(integers).max() <= MAX_WEIGHT
    assert 2 * 255 * MAX_WEIGHT < 2**15


def test_a_channel_with_tiny_weights_keeps_its_bias() -> None:
    weight = np.zeros((2, 3, 1), np.float32)
    weight[1] = 0.5
    bias = np.array([0.3, -0.2], np.float32)
    b = GraphBuilder("/test")
    ranges = {"x": QuantParams(0.01, 128), "y": QuantParams(0.01, 128)}
    StaticConvolutions(b, ranges, ["y"]).convolve("x", Convolution(weight, bias, 1, "x", "y"), padding=0)
    graph = helper.make_graph(
        b.nodes,
        "one convolution",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, None, 3])],
        [helper.make_tensor_value_info(b.nodes[-1].output[0], TensorProto.FLOAT, None)],
        b.constants,
    )
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    (y,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": np.full((1, 4, 3), 0.1, np.float32)})
    np.testing.assert_allclose(y, np.broadcast_to([0.3, -0.05], (1, 4, 2)), atol=0.006)


@given(matrices)
def test_clipping_never_increases_a_columns_error(matrix: np.ndarray) -> None:
    integers, scales = quantize_per_channel(matrix)
    error = ((integers * scales - matrix) ** 2).sum(axis=0)
    step = np.maximum(np.abs(matrix).max(axis=0), 1e-12) / MAX_WEIGHT
    assert (error <= (((np.rint(matrix / step) * step) - matrix) ** 2).sum(axis=0) * 1.001 + 1e-9).all()


@given(values)
def test_a_full_range_contains_zero_exactly_and_all_observed_values(seen: np.ndarray) -> None:
    scale, zero = fit_range(seen, "max")
    assert 0 <= zero <= 255
    assert scale > 0
    half_a_step = 0.5 * scale * 1.001 + 1e-6
    assert -zero * scale - half_a_step <= seen.min()
    assert seen.max() <= (255 - zero) * scale + half_a_step


@pytest.mark.parametrize("value", [0.0, 1e-45, -1e-12])
def test_values_close_to_zero_have_a_range(value: float) -> None:
    assert fit_range(np.full(9, value, np.float32), "mse") == QuantParams(1.0, 0)


def test_a_clipped_range_has_less_error_if_large_values_are_rare() -> None:
    seen = np.random.default_rng(0).laplace(size=100_000).astype(np.float32)

    def error(clip: str) -> float:
        scale, zero = fit_range(seen, clip)
        return float(np.mean(((np.clip(np.rint(seen / scale) + zero, 0, 255) - zero) * scale - seen) ** 2))

    assert error("mse") < error("max") * 0.9


def test_gptq_keeps_products_closer_than_plain_rounding() -> None:
    random = np.random.default_rng(0)
    weight = random.standard_normal((24, 96)).astype(np.float32)
    inputs = random.standard_normal((2000, 12)) @ random.standard_normal((12, 96)) + 0.1 * random.standard_normal(
        (2000, 96)
    )
    integers, scales = gptq(weight, inputs.T @ inputs, 7, 32)
    blocks = weight.reshape(24, 3, 32)
    step = np.abs(blocks).max(axis=2, keepdims=True) / 7
    plain = (np.rint(blocks / step) * step).reshape(24, 96)
    made = integers * np.repeat(scales, 32, axis=1)

    def error(rounded: np.ndarray) -> float:
        return float(np.linalg.norm(inputs @ (rounded - weight).T))

    assert np.abs(integers).max() <= 7
    assert error(made) < error(plain) / 2


@pytest.mark.parametrize(("inside", "block"), [(64, 32), (40, 32), (8, 16)])
def test_packed_4_bit_weights_compute_the_same_product(inside: int, block: int) -> None:
    random = np.random.default_rng(1)
    integers = random.integers(-7, 8, (6, inside)).astype(np.int8)
    scales = random.random((6, -(-inside // block))).astype(np.float32)
    b = GraphBuilder("t")
    conv = Convolution(np.zeros((6, inside, 1), np.float32), None, 1, "", "")
    y = int4_blocks.convolve(b, "x", conv, 0, integers, scales, block)
    graph = helper.make_graph(
        b.nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 5, inside])],
        [helper.make_tensor_value_info(y, TensorProto.FLOAT, None)],
        b.constants,
    )
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    x = random.standard_normal((1, 5, inside)).astype(np.float32)
    (restored,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    expected = x @ (integers * np.repeat(scales, block, axis=1)[:, :inside]).T
    np.testing.assert_allclose(restored, expected, rtol=1e-4, atol=1e-4)


def _identity_of(weight: np.ndarray) -> onnx.ModelProto:
    """Return a model whose output is its only weight."""
    graph = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["y"])],
        "g",
        [],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, weight.shape)],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


@pytest.mark.parametrize(
    ("store", "shape", "largest_error"),
    [(store_as_fp16, (64, 64), 2**-11), (store_as_int8, (8, 16, 16), 1 / 250), (store_as_int8, (40, 50), 1 / 250)],
)
def test_stored_weights_are_restored_with_a_small_error(
    store: object, shape: tuple[int, ...], largest_error: float
) -> None:
    weight = np.random.default_rng(2).uniform(-1, 1, shape).astype(np.float32)
    model = _identity_of(weight)
    assert store(model.graph) == 1  # type: ignore[operator]
    assert model.ByteSize() < weight.nbytes * 0.75
    (restored,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {})
    assert np.abs(restored - weight).max() <= largest_error


def test_weights_beyond_fp16_stay_fp32() -> None:
    model = _identity_of(np.full((64, 64), 1e6, np.float32))
    assert store_as_fp16(model.graph) == 0
