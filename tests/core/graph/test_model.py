"""`core.graph.model` reads ONNX files as untrusted input."""

import os
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from core.errors import InvalidInput
from core.graph.model import read_model
from tests.core.refusals import refusal
from tests.vits import TINY, build_model, write_voice

_AS_ROOT = os.geteuid() == 0


def test_a_valid_model_is_read(voice_path: Path) -> None:
    assert read_model(voice_path) == build_model(TINY)


def _missing(path: Path) -> None:
    """Create no file."""


def _folder(path: Path) -> None:
    path.mkdir()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _link_to_nothing(path: Path) -> None:
    path.symlink_to(path.with_name("nothing.onnx"))


def _link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def _sparse(path: Path) -> None:
    """A sparse file of 4 GB."""
    path.touch()
    os.truncate(path, 4_000_000_000)


def _holding(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(_missing, "does not exist", id="missing"),
        pytest.param(_link_to_nothing, "does not exist", id="a link to nothing"),
        pytest.param(_link_to_itself, "cannot read", id="a link to itself"),
        pytest.param(_folder, "is a folder", id="a folder"),
        pytest.param(_fifo, "is not a regular file", id="a fifo"),
        pytest.param(_sparse, "cannot exceed 2 GB", id="4 GB"),
        pytest.param(Path.touch, "is empty", id="empty"),
        pytest.param(_holding(b"PK\3\4 a zip archive"), "ONNX", id="another format"),
        pytest.param(_holding(b"\0" * 5000), "ONNX", id="zeros"),
        pytest.param(_holding(b"version https://git-lfs.github.com/spec/v1\n"), "ONNX", id="a git-lfs pointer"),
        pytest.param(_holding(b"<!DOCTYPE html>\n<title>404</title>\n"), "ONNX", id="an error page"),
    ],
)
def test_a_file_that_is_not_a_model_is_refused(make: Callable[[Path], object], expected: str, tmp_path: Path) -> None:
    path = tmp_path / "voice.onnx"
    make(path)
    assert expected in refusal(read_model, path, names=path)


@pytest.mark.skipif(_AS_ROOT, reason="root reads everything")
def test_an_unreadable_file_is_refused(voice_path: Path) -> None:
    voice_path.chmod(0)
    assert "cannot read" in refusal(read_model, voice_path, names=voice_path)


@pytest.mark.skipif(_AS_ROOT, reason="root reads everything")
def test_a_file_in_an_inaccessible_folder_is_refused(voice_path: Path) -> None:
    voice_path.parent.chmod(0)
    try:
        refusal(read_model, voice_path, names=voice_path)
    finally:
        voice_path.parent.chmod(0o700)


@given(content=st.binary(min_size=1, max_size=300))
def test_random_bytes_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "random.onnx"
    path.write_bytes(content)
    refusal(read_model, path, names=path)


@given(share=st.floats(min_value=0, max_value=1, exclude_max=True))
def test_a_truncated_model_is_refused(share: float, tmp_path: Path) -> None:
    path, whole = tmp_path / "short.onnx", build_model(TINY).SerializeToString()
    path.write_bytes(whole[: int(share * len(whole))])
    refusal(read_model, path, names=path)


@given(places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=5))
def test_a_damaged_model_is_read_or_refused(places: list[tuple[float, int]], tmp_path: Path) -> None:
    damaged = bytearray(build_model(TINY).SerializeToString())
    for share, value in places:
        damaged[int(share * len(damaged))] = value
    path = tmp_path / "damaged.onnx"
    path.write_bytes(damaged)
    try:
        read_model(path)
    except InvalidInput as error:
        assert str(path) in str(error)


def _newest_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = onnx.defs.onnx_opset_version() + 1


def _opset_0(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 0


def _no_opset(model: onnx.ModelProto) -> None:
    del model.opset_import[:]


def _no_nodes(model: onnx.ModelProto) -> None:
    del model.graph.node[:]


def _unknown_domain(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.example.miner", 1))
    model.graph.node[7].domain = "com.example.miner"


def _unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[7].op_type = "Frobnicate"


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (_newest_opset, "opset"),
        (_opset_0, "opset"),
        (_no_opset, "no ONNX graph"),
        (_no_nodes, "no ONNX graph"),
        (_unknown_domain, "'com.example.miner'"),
        (_unknown_operator, "'Frobnicate'"),
    ],
)
def test_a_model_that_this_installation_cannot_run_is_refused(
    damage: Callable[[onnx.ModelProto], None], expected: str, tiny_model: onnx.ModelProto, tmp_path: Path
) -> None:
    damage(tiny_model)
    path = tmp_path / "voice.onnx"
    path.write_bytes(tiny_model.SerializeToString())
    assert expected in refusal(read_model, path, names=path)


def test_a_model_may_import_domains_that_it_does_not_use(tiny_model: onnx.ModelProto, tmp_path: Path) -> None:
    tiny_model.opset_import.append(helper.make_opsetid("com.example.idle", 1))
    path = tmp_path / "voice.onnx"
    path.write_bytes(tiny_model.SerializeToString())
    assert read_model(path) == tiny_model


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("weights.bin", "in another file"),
        ("deep/weights.bin", "in another file"),
        ("../weights.bin", "outside its folder"),
        ("deep/../../weights.bin", "outside its folder"),
        ("/etc/passwd", "outside its folder"),
        ("link/passwd", "outside its folder"),
    ],
)
def test_weights_in_other_files_are_refused_and_never_read(
    location: str, expected: str, tiny_model: onnx.ModelProto, tmp_path: Path
) -> None:
    path = write_voice(tmp_path)
    (tmp_path / "link").symlink_to("/etc")
    tensor = next(entry for entry in tiny_model.graph.initializer if len(entry.dims) == 3)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    path.write_bytes(tiny_model.SerializeToString())
    message = refusal(read_model, path, names=path)
    assert expected in message
    assert location in message
