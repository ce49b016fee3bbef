"""Variants on a CPU without AVX-512, emulated: what is right here must be right there.

Runs where qemu-user is installed (Debian: apt install qemu-user); `pytest -m emulated` runs it alone.
"""

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from core.engines.ort import OrtVoice
from tests.core.making import make
from tests.vits import VitsShape, write_voice

QEMU = shutil.which("qemu-x86_64")
# Wide enough that ONNX Runtime keeps its convolutions in blocks, whose width depends on the CPU.
WIDE = VitsShape(upsample_channels=128)
IDS = [1, *range(14, 40), 2]
SPEAK = """
import sys, numpy as np
from pathlib import Path
from core.engines.ort import OrtVoice
np.save(sys.argv[2], OrtVoice(Path(sys.argv[1]), 1).synthesize(eval(sys.argv[3])))
"""

pytestmark = [
    pytest.mark.emulated,
    pytest.mark.skipif(not QEMU or platform.machine() != "x86_64", reason="needs qemu-x86_64 on x86_64 Linux"),
]


def spoken_by_haswell(model: Path, to: Path) -> np.ndarray:
    """What the model says on a CPU that has AVX2 and nothing newer."""
    paths = os.pathsep.join([sysconfig.get_path("purelib"), str(Path(__file__).parents[2])])
    subprocess.run(
        [str(QEMU), "-cpu", "Haswell", os.path.realpath(sys.executable), "-c", SPEAK, model, to, repr(IDS)],
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
        capture_output=True,
        timeout=300,
    )
    spoken: np.ndarray = np.load(to)
    return spoken


def decibels(signal: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(np.sum(signal**2) / np.sum((signal - other) ** 2)))


def test_an_optimized_voice_says_the_same_on_avx2(tmp_path: Path) -> None:
    original = write_voice(tmp_path, WIDE)
    make("optimized", original, tmp_path / "made.onnx")
    here = OrtVoice(original, threads=1).synthesize(IDS)
    assert decibels(here, spoken_by_haswell(tmp_path / "made.onnx", tmp_path / "there.npy")) > 90


@pytest.mark.parametrize("recipe", ["dynamic", "static", "int4"])
def test_a_quantized_voice_is_as_close_to_its_original_on_avx2_as_here(recipe: str, tmp_path: Path) -> None:
    """Not the same samples: a float that differs in its last bit may be rounded to the next integer."""
    original, made = write_voice(tmp_path, WIDE), tmp_path / "made.onnx"
    make(recipe, original, made)
    meant = OrtVoice(original, threads=1).synthesize(IDS)
    here, there = OrtVoice(made, threads=1).synthesize(IDS), spoken_by_haswell(made, tmp_path / "there.npy")
    assert decibels(meant, there) == pytest.approx(decibels(meant, here), abs=1.5)
    assert decibels(here, there) > decibels(meant, here) + 6
