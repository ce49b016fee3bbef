"""The recipe `distill` on every build of a voice, with seconds of training."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest

from core.distill.student import SHAPES
from core.distill.training import Training
from core.engines.ort import OrtVoice
from core.engines.streaming import open_streaming
from core.errors import InvalidInput, TtsdashError
from core.graph.constant_folding import fold_constants
from core.variants.variant_files import check_variant
from core.vits.split import find_split_point
from core.vits.split_point import METADATA_KEY, SplitPoint
from core.vits.voice_graph import VoiceGraph
from core.voices.file import config_path_of, read_config
from tests.core.distill.brief import STEPS, train_briefly
from tests.core.quantize.making import make
from tests.vits import HIGH, MULTI_SPEAKER, TINY, X_LOW, build_model, write_voice

# Wide enough that the first stage of the decoder is computed in int8.
WIDE = {
    name: replace(shape, upsample_channels=96)
    for name, shape in (("medium", TINY), ("high", HIGH), ("x_low", X_LOW), ("multi-speaker", MULTI_SPEAKER))
}
IDS = [1, *range(14, 60), 2]
pytestmark = pytest.mark.xdist_group("distill")


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    train_briefly(monkeypatch)


@pytest.mark.parametrize("build", WIDE)
def test_a_distilled_voice_is_a_drop_in_replacement_of_every_build_with_its_durations(
    build: str, tmp_path: Path
) -> None:
    source, made, log = write_voice(tmp_path, WIDE[build]), tmp_path / "made.onnx", list[str]()
    lineage = make("distill", source, made, log, size="small")
    config_path_of(made).write_text(json.dumps(read_config(config_path_of(source))), encoding="utf-8")
    check_variant(source, made, read_config(config_path_of(source)), log.append)
    before, after = (onnxruntime.InferenceSession(path) for path in (source, made))
    assert [entry.name for entry in after.get_inputs()] == [entry.name for entry in before.get_inputs()]
    assert [entry.name for entry in after.get_outputs()] == [entry.name for entry in before.get_outputs()]
    added = after.get_modelmeta().custom_metadata_map.items() - before.get_modelmeta().custom_metadata_map.items()
    assert {name for name, _ in added} == {METADATA_KEY}
    assert not any("left unchanged" in line for line in log), log
    assert lineage["steps"] == STEPS
    assert lineage["held_out_mel_db"] > 0
    for length_scale in (0.7, 1.0, 1.5):
        lengths = [len(OrtVoice(path, threads=1).synthesize(IDS, length_scale=length_scale)) for path in (source, made)]
        assert lengths[0] == lengths[1]


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A voice, and its distilled variant."""
    folder = tmp_path_factory.mktemp("medium")
    with pytest.MonkeyPatch.context() as patched:
        train_briefly(patched)
        source, made = write_voice(folder, WIDE["medium"]), folder / "made.onnx"
        make("distill", source, made)
    config_path_of(made).write_bytes(config_path_of(source).read_bytes())
    yield source, made


def test_a_distilled_voice_computes_in_int8_in_no_layout_of_a_particular_cpu(medium: tuple[Path, Path]) -> None:
    model = onnx.load(medium[1])
    (loop,) = (node for node in model.graph.node if node.op_type == "Loop")
    nodes = [*model.graph.node, *loop.attribute[0].g.node]
    hidden = 1 + len(SHAPES["medium"].residuals)
    assert [node.op_type for node in nodes].count("MatMulIntegerToFloat") == hidden
    assert {node.domain for node in nodes} == {"", "com.microsoft"}
    assert {entry.domain for entry in model.opset_import} == {"", "com.microsoft"}


def test_a_distilled_voice_can_be_streamed(medium: tuple[Path, Path]) -> None:
    whole = OrtVoice(medium[1], threads=1).synthesize(IDS)
    streamed = open_streaming(medium[1], threads=1).synthesize(IDS)
    assert len(streamed) == len(whole)
    # The ranges of the flow and of the first stage are those of a chunk.
    assert np.sum((streamed - whole) ** 2) < 0.05 * np.sum(whole**2)


def test_its_split_point_has_the_receptive_field_of_the_student(medium: tuple[Path, Path]) -> None:
    source, made = medium
    metadata = onnxruntime.InferenceSession(made).get_modelmeta().custom_metadata_map
    original = find_split_point(VoiceGraph(fold_constants(source)))
    # The level is a mean over more than the decoder's own convolutions see.
    assert SplitPoint.from_text(metadata[METADATA_KEY]).receptive_field > original.receptive_field


def test_the_same_training_makes_the_same_file_even_if_it_was_killed(
    medium: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    saved = Training.save

    def save_until_killed(self: Training, path: Path) -> None:
        if self.step > STEPS // 2:
            raise Killed
        saved(self, path)

    voice, again = medium[0], tmp_path / "again.onnx"
    with monkeypatch.context() as killing:
        killing.setattr(Training, "save", save_until_killed)
        with pytest.raises(Killed):
            make("distill", voice, again)
    assert not again.exists()
    log: list[str] = []
    make("distill", voice, again, log)
    assert any(line.startswith(f"going on from step {STEPS // 2}, ") for line in log), log
    assert again.read_bytes() == medium[1].read_bytes()


def test_without_room_for_what_is_learned_one_line_names_the_folder(
    medium: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=9e6))
    folder = re.escape(str(tmp_path / "made.training"))
    with pytest.raises(TtsdashError, match=f"^the disk is nearly full: 9 MB free in {folder}, [0-9]+ MB needed"):
        make("distill", medium[0], tmp_path / "made.onnx")


def test_a_decoder_with_nothing_to_replace_cannot_be_distilled(tmp_path: Path) -> None:
    one_stage = replace(TINY, upsample_rates=(8,), upsample_kernels=(16,))
    with pytest.raises(InvalidInput, match="its decoder has one stage only"):
        make("distill", write_voice(tmp_path, one_stage), tmp_path / "made.onnx")


def _other_decoder(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        if node.op_type == "Div" and "/dec/" in node.name:
            node.op_type = "Mul"


def test_a_voice_with_another_decoder_cannot_be_distilled(tmp_path: Path) -> None:
    source, model = write_voice(tmp_path, WIDE["medium"]), build_model(WIDE["medium"])
    _other_decoder(model)
    onnx.save(model, source)
    with pytest.raises(InvalidInput, match="cannot be distilled"):
        make("distill", source, tmp_path / "made.onnx")
