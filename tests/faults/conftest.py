"""How long the suites by chance run, and what their chance is: TTSDASH_FAULTS=long and TTSDASH_SEED, by hand."""

import os

import pytest

LONG = os.environ.get("TTSDASH_FAULTS") == "long"
_SEED = int(os.environ.get("TTSDASH_SEED", "0"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The seed stands in the test's name, and so in the line that tells of its failure."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", [_SEED], ids=[f"seed={_SEED}"])
