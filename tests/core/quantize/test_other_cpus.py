"""Variants on a CPU without AVX-512, emulated: results must not depend on the CPU.

Runs where qemu-user is installed (Debian: apt install qemu-user); `pytest -m emulated` runs it alone.
"""

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.engines.ort import Audio, OrtVoice
from tests.core.quantize.making import make
from tests.vits import VitsShape, write_voice

RECIPES = ("optimized", "dynamic", "static", "prune", "int4")
QEMU = shutil.which("qemu-x86_64")
# Wide enough that ONNX Runtime keeps convolutions in blocks of channels, whose size depends on the CPU.
WIDE = VitsShape(upsample_channels=128)
IDS = [1, *range(14, 40), 2]
SPEAK = """
import sys, numpy as np
from pathlib import Path
from core.engines.ort import OrtVoice
for made in sys.argv[2:]:
    np.save(f"{made}.npy", OrtVoice(Path(made), 1).synthesize(eval(sys.argv[1])))
"""

pytestmark = [
    pytest.mark.emulated,
    pytest.mark.skipif(not QEMU or platform.machine() != "x86_64", reason="needs qemu-x86_64 on x86_64 Linux"),
    # One process for all variants: starting it takes most of the time.
    pytest.mark.xdist_group("other CPUs"),
]


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a voice and its variants, named after their recipes."""
    folder = tmp_path_factory.mktemp("voices")
    write_voice(folder, WIDE, "original")
    for recipe in RECIPES:
        make(recipe, folder / "original.onnx", folder / f"{recipe}.onnx")
    return folder


@pytest.fixture(scope="module")
def on_avx2(voices: Path) -> Callable[[str], Audio]:
    """Run a variant on a CPU with AVX2 and nothing newer."""
    paths = os.pathsep.join([sysconfig.get_path("purelib"), str(Path(__file__).parents[2])])
    python = os.path.realpath(sys.executable)
    subprocess.run(
        [QEMU, "-cpu", "Haswell", python, "-c", SPEAK, repr(IDS), *(voices / f"{name}.onnx" for name in RECIPES)],
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
        capture_output=True,
        timeout=300,
    )
    return lambda name: np.load(voices / f"{name}.onnx.npy")


def here(voices: Path, name: str) -> Audio:
    return OrtVoice(voices / f"{name}.onnx", threads=1).synthesize(IDS)


def snr_db(signal: Audio, other: Audio) -> float:
    return float(10 * np.log10(np.sum(signal**2) / np.sum((signal - other) ** 2)))


def test_an_optimized_voice_speaks_the_same_on_avx2(voices: Path, on_avx2: Callable[[str], Audio]) -> None:
    assert snr_db(here(voices, "original"), on_avx2("optimized")) > 90


@pytest.mark.parametrize("recipe", ["dynamic", "static", "int4"])
def test_a_quantized_voice_is_as_close_to_its_original_on_avx2_as_on_this_cpu(
    recipe: str, voices: Path, on_avx2: Callable[[str], Audio]
) -> None:
    """Samples may differ: a float that differs in its last bit may round to another integer."""
    meant, made = here(voices, "original"), here(voices, recipe)
    assert snr_db(meant, on_avx2(recipe)) == pytest.approx(snr_db(meant, made), abs=1.5)
    assert snr_db(made, on_avx2(recipe)) > snr_db(meant, made) + 6
