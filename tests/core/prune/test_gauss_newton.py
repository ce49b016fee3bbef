"""Least squares: a decoder with changed weights comes close to its original again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from core.prune.audible_error import AudibleError
from core.prune.decoder_network import LastStages
from core.prune.network import Parameters
from tests.core.prune.decoders import SHAPES, decoder_of, problem


@pytest.fixture(params=[1, 3], ids=["one thread", "three threads"])
def pool(request: pytest.FixtureRequest) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(request.param) as pool:
        yield pool


def disturbed(parameters: Parameters) -> Parameters:
    random = np.random.default_rng(5)
    return [part + 0.3 * part.std() * random.normal(0, 1, part.shape).astype(np.float32) for part in parameters]


@pytest.mark.parametrize("name", ["medium", "high", "one stage"])
def test_rounds_bring_changed_weights_back_to_the_audio(name: str, pool: ThreadPoolExecutor) -> None:
    decoder = decoder_of(SHAPES[name])[1]
    tail = LastStages(decoder, len(decoder.stages) - 1)
    squares, parameters = problem(tail, tail, pool), disturbed(tail.parameters())
    before, random = squares.value(parameters), np.random.default_rng(0)
    factors = []
    for _ in range(3):
        parameters, factor = squares.step(parameters, 8, random)
        factors.append(factor)
    after = squares.value(parameters)
    assert min(factors) >= 1
    assert before / after == pytest.approx(np.prod(factors), rel=1e-3)
    assert after < 0.05 * before


def test_the_number_of_threads_does_not_change_the_result() -> None:
    tail = LastStages(decoder_of(SHAPES["medium"])[1], 1)
    found = []
    for threads in (1, 4):
        with ThreadPoolExecutor(threads) as pool:
            squares = problem(tail, tail, pool)
            found.append(squares.step(disturbed(tail.parameters()), 4, np.random.default_rng(0))[0])
    for first, second in zip(*found, strict=True):
        assert np.array_equal(first, second)


def test_a_step_that_does_not_help_is_not_taken(pool: ThreadPoolExecutor) -> None:
    tail = LastStages(decoder_of(SHAPES["medium"])[1], 2)
    parameters, factor = problem(tail, tail, pool).step(tail.parameters(), 2, np.random.default_rng(0))
    assert factor == 1
    assert all(np.array_equal(a, b) for a, b in zip(parameters, tail.parameters(), strict=True))


def value(error: AudibleError, difference: np.ndarray) -> float:
    return float(np.vdot(difference, error.weigh(difference)))


def test_an_error_counts_less_where_the_original_is_loud_and_not_at_all_at_the_edges() -> None:
    time = np.arange(8192, dtype=np.float32)
    loud_below = np.sin(0.1 * time) * (time < 4096)
    error = AudibleError(loud_below.astype(np.float32), edge=512)
    noise = 1e-3 * np.sin(0.1 * time + 1).astype(np.float32)
    masked, alone = noise * (time < 3500), noise * (time >= 4700)
    assert value(error, masked) < 0.1 * value(error, alone)
    assert value(error, noise * (time < 500)) == pytest.approx(0, abs=1e-12)


def test_the_noise_of_an_error_has_its_size() -> None:
    error = AudibleError(np.random.default_rng(0).normal(0, 0.1, 8192).astype(np.float32), edge=0)
    difference = np.random.default_rng(1).normal(0, 0.01, 8192).astype(np.float32)
    drawn = [np.vdot(error.draw(np.random.default_rng(seed)), difference) ** 2 for seed in range(2, 402)]
    assert np.mean(drawn) == pytest.approx(value(error, difference), rel=0.3)
