"""The student of a distilled variant, in the decoder half for Core ML."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from core.coreml import student_half
from core.coreml.student_half import with_student
from core.distill.published import read_student
from core.distill.student import Student
from core.engines.ort import OrtVoice
from core.engines.split_voice import EncoderHalf, OrtDecoderHalf, SplitVoice
from core.errors import InvalidInput, TtsdashError
from core.files import sha256_of
from core.graph.constant_folding import fold_constants
from core.graph.errors import UnsupportedGraph
from core.voices.phonemes import random_phonemes
from tests.core.distill.brief import train_briefly
from tests.core.distill.students import VOICES, decoder_of, rounded_student, with_published
from tests.core.quantize import making
from tests.vits import VitsShape, voice_config, write_voice

pytest.importorskip("coremltools")

from core.coreml.convert import make
from core.coreml.package import PackageOptions, save_package
from core.coreml.verify import MIN_SNR_DB, program_snr_db, snr_db, verify
from core.variants.recipes import RECIPES, Task
from core.vits.split import SplitModel, split_model

pytestmark = [pytest.mark.xdist_group("Core ML"), pytest.mark.long]

# Wide enough that the first stage of the decoder is computed in int8.
WIDE = {name: replace(shape, upsample_channels=96) for name, shape in VOICES.items()}


def distilled(folder: Path, shape: VitsShape) -> tuple[Path, Path]:
    """A voice, and a variant of it with a student."""
    source, variant = write_voice(folder, shape), folder / "distilled.onnx"
    onnx.save(with_published(shape, rounded_student(decoder_of(shape))), variant)
    return source, variant


def halves_of(source: Path, variant: Path) -> SplitModel:
    return with_student(split_model(fold_constants(source)), onnx.load(variant))


@pytest.mark.parametrize(
    ("voice", "precision"), [("medium", "fp32"), ("high", "fp16"), ("x_low", "fp16"), ("multi-speaker", "fp32")]
)
def test_a_program_with_a_student_computes_what_the_distilled_variant_does(
    voice: str, precision: str, tmp_path: Path
) -> None:
    shape = WIDE[voice]
    source, variant = distilled(tmp_path, shape)
    halves = halves_of(source, variant)
    (ids,) = random_phonemes(voice_config(shape), [40])
    frames = EncoderHalf(halves.encoder.SerializeToString(), 1)(ids, speaker=shape.speakers - 1)
    assert frames.latent.shape[2] > 70
    audio = OrtDecoderHalf(halves.decoder.SerializeToString())(frames)
    assert snr_db(OrtVoice(variant, threads=1).synthesize(ids, speaker=shape.speakers - 1), audio) >= 20
    save_package(halves, PackageOptions(precision), tmp_path / "body.mlpackage")
    lengths = [1, 5, 64, 70]
    assert program_snr_db(halves, tmp_path / "body.mlpackage", frames, lengths) >= MIN_SNR_DB[precision]


def test_a_sentence_in_chunks_overlaps_by_what_the_level_is_a_mean_over(tmp_path: Path) -> None:
    source, variant = distilled(tmp_path, WIDE["medium"])
    own, halves = split_model(fold_constants(source)), halves_of(source, variant)
    assert halves.split_point.receptive_field > own.split_point.receptive_field
    assert halves.split_point.hop_length == own.split_point.hop_length
    encoder, decoder = (half.SerializeToString() for half in (halves.encoder, halves.decoder))
    (ids,) = random_phonemes(voice_config(WIDE["medium"]), [120])
    whole, chunks = (SplitVoice(EncoderHalf(encoder, 1), OrtDecoderHalf(decoder), length) for length in (4000, 128))
    assert snr_db(whole.synthesize(ids), chunks.synthesize(ids)) >= 90


@pytest.mark.parametrize("other", ["high", "x_low"])
def test_the_student_of_another_voice_is_refused(other: str, tmp_path: Path) -> None:
    source, _ = distilled(tmp_path, WIDE["medium"])
    shape = replace(VOICES[other], upsample_channels=64, upsample_rates=(8, 4, 4, 2), upsample_kernels=(16, 8, 8, 4))
    with pytest.raises(UnsupportedGraph, match="its student is that of another voice"):
        with_student(split_model(fold_constants(source)), with_published(shape, rounded_student(decoder_of(shape))))


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    """The task of a converted voice, whose student was trained for a few steps."""
    folder = tmp_path_factory.mktemp("voice")
    with pytest.MonkeyPatch.context() as patched:
        train_briefly(patched)
        source, variant = write_voice(folder, WIDE["medium"]), folder / "distilled.onnx"
        making.make("distill", source, variant, size="small")
    task = Task(
        source=source,
        target=tmp_path_factory.mktemp("coreml"),
        config=voice_config(WIDE["medium"]),
        language="en_US",
        params=RECIPES["coreml"].resolve({"from": "distilled"}),
        calibration=None,
        log=lambda line: None,
        progress=lambda stage, share: None,
        training=folder,
        from_variant=variant,
    )
    assert task.from_variant is not None
    assert make(task) == {"from_sha256": sha256_of(variant)}
    return task


def test_verifying_compares_the_audio_with_the_distilled_variant_and_with_the_original(task: Task) -> None:
    log: list[str] = []
    figures = verify(replace(task, log=log.append))
    assert figures["program_db"] >= 40
    assert figures["evaluated_grade"] == "noticeable"
    assert log[2].startswith("the whole variant, evaluated, against distilled: ")
    assert " dB (at least 6 dB required), PESQ " in log[2]
    assert log[3].startswith("the whole variant, evaluated, against the original: noticeable (duration_drift_pct 0.0, ")


def test_a_student_with_int8_weights_is_verified_before_and_after_rounding(task: Task, tmp_path: Path) -> None:
    log: list[str] = []
    rounded = replace(task, target=tmp_path, params=task.params | {"weights": "int8"}, log=log.append)
    make(rounded)
    verify(rounded)
    assert [line.split(",")[0] for line in log if "dB against ONNX Runtime" in line] == [
        "the program before its weights are rounded",
        "the saved program",
    ]
    assert {entry.name for entry in tmp_path.iterdir()} == {"front.onnx", "body.mlpackage"}


def test_a_program_that_does_not_speak_as_the_distilled_variant_is_refused(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def misread(model: onnx.ModelProto, divisor: float) -> Student:
        student = read_student(model, divisor)
        return replace(student, last=replace(student.last, weight=student.last.weight[:, :, ::-1].copy()))

    monkeypatch.setattr(student_half, "read_student", misread)
    wrong = replace(task, target=tmp_path)
    make(wrong)
    with pytest.raises(TtsdashError, match=r"does not speak as distilled does: .* dB, 6 dB required"):
        verify(wrong)


def _truncated(task: Task, path: Path) -> None:
    assert task.from_variant is not None
    path.write_bytes(task.from_variant.read_bytes()[:100_000])


def _the_original(task: Task, path: Path) -> None:
    path.write_bytes(task.source.read_bytes())


def _without_a_student(task: Task, path: Path) -> None:
    making.make("dynamic", task.source, path)


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (_truncated, r"other\.onnx is not an ONNX model, or is truncated: get the file again"),
        (_the_original, r"other\.onnx cannot be converted: it has no student"),
        (_without_a_student, r"other\.onnx cannot be converted: it has no student"),
    ],
)
def test_a_file_without_a_student_is_refused_in_one_line(
    write: Callable[[Task, Path], None], reason: str, task: Task, tmp_path: Path
) -> None:
    other = tmp_path / "other.onnx"
    write(task, other)
    with pytest.raises(InvalidInput, match=reason) as refused:
        make(replace(task, target=tmp_path, from_variant=other))
    assert "\n" not in str(refused.value)
