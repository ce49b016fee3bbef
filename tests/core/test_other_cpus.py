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
import onnx
import pytest

from core.engines.ort import OrtVoice
from core.quantize import optimized
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


def test_an_optimized_voice_says_the_same_on_avx2(tmp_path: Path) -> None:
    original = write_voice(tmp_path, WIDE)
    made = tmp_path / "made.onnx"
    optimized.make(original, made, lambda _: None)
    assert {node.domain for node in onnx.load(made).graph.node} == {""}
    here = OrtVoice(original, threads=1).synthesize(IDS)
    there = spoken_by_haswell(made, tmp_path / "there.npy")
    noise = np.sqrt(np.mean((here - there) ** 2))
    assert 20 * np.log10(np.sqrt(np.mean(here**2)) / noise) > 90
