"""The network of a decoder's stages: the same audio as the voice's graph, and derivatives that belong to it."""

import numpy as np
import pytest

from core.graph.ort_session import open_session
from core.graph.subgraph import Subgraph, extract
from core.prune.decoder_network import LastStages
from core.prune.network import Pass, downsample, fold, unfold, upsample
from core.vits.hifigan import Upsampler
from tests.core.prune.decoders import SHAPES, channels_before, decoder_of


def randoms(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


@pytest.mark.parametrize("name", SHAPES)
def test_a_network_computes_the_audio_of_the_decoder(name: str) -> None:
    model, decoder = decoder_of(SHAPES[name])
    tail = LastStages(decoder, 0)
    x = randoms(channels_before(tail), 20)
    feeds = {decoder.input: x[None]}
    session = open_session(extract(model, Subgraph([feeds], decoder.output)).SerializeToString())
    expected = np.tanh(session.run(None, feeds)[0].reshape(-1))
    audio = Pass(tail.network(), tail.parameters(), x).audio
    assert audio.shape == expected.shape
    assert np.abs(audio - expected).max() < 1e-5


@pytest.mark.parametrize("name", SHAPES)
def test_forward_is_the_derivative_and_backward_its_adjoint(name: str) -> None:
    tail = LastStages(decoder_of(SHAPES[name])[1], 0)
    network, parameters = tail.network(), tail.parameters()
    x = randoms(channels_before(tail), 20)
    run = Pass(network, parameters, x)
    changes = [1e-5 * randoms(*part.shape, seed=number) for number, part in enumerate(parameters)]
    moved = Pass(network, [part + change for part, change in zip(parameters, changes, strict=True)], x)
    forward = run.forward(changes)
    assert np.linalg.norm(moved.audio - run.audio - forward) < 0.05 * np.linalg.norm(forward)
    weights = randoms(len(run.audio))
    backward = run.backward(weights)
    expected = sum(float(np.vdot(change, part)) for change, part in zip(changes, backward, strict=True))
    assert float(np.vdot(forward, weights)) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("taps", "dilation", "samples"), [(1, 1, 5), (3, 1, 20), (7, 3, 20), (7, 12, 20), (2, 1, 9)])
def test_fold_is_the_adjoint_of_unfold(taps: int, dilation: int, samples: int) -> None:
    x, columns = randoms(4, samples), randoms(4 * taps, samples)
    assert np.vdot(unfold(x, taps, dilation), columns) == pytest.approx(
        np.vdot(x, fold(columns, taps, dilation)), rel=1e-4
    )


@pytest.mark.parametrize(("taps", "rate", "padding"), [(16, 8, 4), (4, 2, 1), (5, 4, 0), (3, 4, 0)])
def test_downsample_is_the_adjoint_of_upsample(taps: int, rate: int, padding: int) -> None:
    upsampler = Upsampler(randoms(4, 3, taps), None, rate, padding, "x")
    x = randoms(4, 11)
    y = upsample(x, upsampler)
    assert y.shape == (3, 10 * rate + taps - 2 * padding)
    g = randoms(*y.shape, seed=2)
    assert np.vdot(y, g) == pytest.approx(np.vdot(x, downsample(g, upsampler)), rel=1e-4)


def test_weights_return_to_their_place_with_their_dilations() -> None:
    tail = LastStages(decoder_of(SHAPES["medium"])[1], 1)
    changed = tail.with_parameters([2 * part for part in tail.parameters()])
    assert changed.decoder.stages[0] == tail.decoder.stages[0]
    for before, after in zip(tail.convolutions(), changed.convolutions(), strict=True):
        assert after.dilation == before.dilation
        assert np.array_equal(after.weight, 2 * before.weight)
