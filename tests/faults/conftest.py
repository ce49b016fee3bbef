"""The seed of the randomized tests: TTSDASH_SEED, set by hand."""

import os

import pytest

_SEED = int(os.environ.get("TTSDASH_SEED", "0"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Put the seed into the name of the test, and so into the line that reports its failure."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", [_SEED], ids=[f"seed={_SEED}"])
