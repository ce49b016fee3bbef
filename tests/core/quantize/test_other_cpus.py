"""Variants on CPUs that are emulated: results must not depend on the CPU.

- x86-64 with AVX2 and nothing newer: runs where qemu-user is installed (Debian: apt install qemu-user).
- ARM64: runs if TTSDASH_ARM64_PYTHON is a command line that starts an ARM64 Python with numpy and onnxruntime, as
  `qemu-aarch64 -L ROOT ROOT/usr/bin/python3`. ONNX Runtime 1.29 and newer crash in the emulator of Debian 12; 1.24 does not.

`pytest -m emulated` runs them alone.
"""

import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from core.engines.ort import Audio, OrtVoice
from tests.core.distill.test_recipe import train_briefly
from tests.core.quantize.making import make
from tests.vits import VitsShape, write_voice

RECIPES = ("optimized", "dynamic", "static", "prune", "int4", "distill")
QEMU = shutil.which("qemu-x86_64")
ARM64 = shlex.split(os.environ.get("TTSDASH_ARM64_PYTHON", ""))
# Wide enough that ONNX Runtime keeps convolutions in blocks of channels, whose size depends on the CPU.
WIDE = VitsShape(upsample_channels=128)
IDS = [1, *range(14, 40), 2]
# With ONNX Runtime's own interface: an emulated Python has few packages.
SPEAK = """
import sys, numpy as np, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads, options.log_severity_level = 1, 3
ids, suffix, *made = sys.argv[1:]
ids = np.array([eval(ids)])
inputs = {"input": ids, "input_lengths": np.array([ids.size]), "scales": np.array([0, 1, 0], np.float32)}
for path in made:
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    np.save(path + suffix, session.run(None, inputs)[0].reshape(-1))
"""

pytestmark = [
    pytest.mark.emulated,
    # One process for all variants: starting it takes most of the time.
    pytest.mark.xdist_group("other CPUs"),
]


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a voice and its variants, named after their recipes."""
    folder = tmp_path_factory.mktemp("voices")
    write_voice(folder, WIDE, "original")
    with pytest.MonkeyPatch.context() as patched:
        train_briefly(patched)
        for recipe in RECIPES:
            make(recipe, folder / "original.onnx", folder / f"{recipe}.onnx")
    return folder


class Emulated:
    """A CPU that is emulated."""

    def __init__(self, name: str, python: list[str], voices: Path, **variables: str) -> None:
        self._suffix, self._voices = f".{name}.npy", voices
        subprocess.run(
            [*python, "-c", SPEAK, repr(IDS), self._suffix, *(voices / f"{recipe}.onnx" for recipe in RECIPES)],
            env={**os.environ, **variables},
            check=True,
            capture_output=True,
            timeout=900,
        )

    def speak(self, recipe: str) -> Audio:
        """Return how a variant speaks on it."""
        return np.load(self._voices / f"{recipe}.onnx{self._suffix}")


@pytest.fixture(scope="module", params=["AVX2", "ARM64"])
def emulated(request: pytest.FixtureRequest, voices: Path) -> Emulated:
    if request.param == "ARM64":
        if not ARM64:
            pytest.skip("needs TTSDASH_ARM64_PYTHON")
        return Emulated("ARM64", ARM64, voices)
    if not QEMU or platform.machine() != "x86_64":
        pytest.skip("needs qemu-x86_64 on x86_64 Linux")
    python = [QEMU, "-cpu", "Haswell", os.path.realpath(sys.executable)]
    return Emulated("AVX2", python, voices, PYTHONPATH=sysconfig.get_path("purelib"))


def here(voices: Path, name: str) -> Audio:
    return OrtVoice(voices / f"{name}.onnx", threads=1).synthesize(IDS)


def snr_db(signal: Audio, other: Audio) -> float:
    return float(10 * np.log10(np.sum(signal**2) / np.sum((signal - other) ** 2)))


def test_an_optimized_voice_speaks_the_same_on_another_cpu(voices: Path, emulated: Emulated) -> None:
    assert snr_db(here(voices, "original"), emulated.speak("optimized")) > 90


@pytest.mark.parametrize("recipe", ["dynamic", "static", "int4"])
def test_a_quantized_voice_is_as_close_to_its_original_on_another_cpu_as_on_this_one(
    recipe: str, voices: Path, emulated: Emulated
) -> None:
    """Samples may differ: a float that differs in its last bit may round to another integer."""
    meant, made = here(voices, "original"), here(voices, recipe)
    assert snr_db(meant, emulated.speak(recipe)) == pytest.approx(snr_db(meant, made), abs=1.5)
    assert snr_db(made, emulated.speak(recipe)) > snr_db(meant, made) + 6


@pytest.mark.parametrize("recipe", ["prune", "distill"])
def test_a_voice_with_another_decoder_speaks_alike_on_another_cpu(
    recipe: str, voices: Path, emulated: Emulated
) -> None:
    assert snr_db(here(voices, recipe), emulated.speak(recipe)) > 20
