"""`core.variants.checksums`: checksums of variants that are files or folders."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.files import sha256_of
from core.variants.checksums import Damaged, checksum_of, size_of, write_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "variant" / "body" / "weights").mkdir(parents=True)
    (tmp_path / "variant" / "front.onnx").write_bytes(b"front")
    (tmp_path / "variant" / "body" / "weights" / "weight.bin").write_bytes(b"weights")
    write_manifest(tmp_path / "variant")
    return tmp_path / "variant"


def test_a_files_checksum_is_that_of_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"model")
    assert checksum_of(tmp_path / "a.onnx") == sha256_of(tmp_path / "a.onnx")
    assert size_of(tmp_path / "a.onnx") == 5


def test_a_folders_checksum_is_that_of_its_manifest(folder: Path) -> None:
    assert checksum_of(folder) == sha256_of(folder / "manifest.json")
    assert size_of(folder) == 5 + 7 + (folder / "manifest.json").stat().st_size
    listed = json.loads((folder / "manifest.json").read_text())["files"]
    assert set(listed) == {"front.onnx", "body/weights/weight.bin"}


def test_hidden_files_are_a_cache_and_not_part_of_the_variant(folder: Path) -> None:
    before = checksum_of(folder), size_of(folder)
    (folder / ".body-15.1.mlmodelc").mkdir()
    (folder / ".body-15.1.mlmodelc" / "net").write_bytes(b"compiled")
    assert (checksum_of(folder), size_of(folder)) == before
    write_manifest(folder)
    assert (checksum_of(folder), size_of(folder)) == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "body" / "weights" / "weight.bin").write_bytes(b"weightS"),
        lambda folder: (folder / "front.onnx").write_bytes(b""),
        lambda folder: (folder / "manifest.json").write_text("{}"),
        lambda folder: (folder / "manifest.json").write_text("no JSON"),
        lambda folder: (folder / "manifest.json").write_text('{"files": [1]}'),
    ],
)
def test_a_damaged_folder_is_refused(damage: Callable[[Path], object], folder: Path) -> None:
    damage(folder)
    with pytest.raises(Damaged):
        checksum_of(folder)


@pytest.mark.parametrize("missing", ["manifest.json", "front.onnx"])
def test_a_missing_file_is_reported_as_missing_not_damaged(missing: str, folder: Path) -> None:
    (folder / missing).unlink()
    with pytest.raises(FileNotFoundError):
        checksum_of(folder)


def test_other_content_has_another_checksum(folder: Path) -> None:
    before = checksum_of(folder)
    (folder / "front.onnx").write_bytes(b"another")
    write_manifest(folder)
    assert checksum_of(folder) != before


def test_a_named_pipe_is_damaged_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.onnx")
    with pytest.raises(Damaged, match="not a regular file"):
        checksum_of(tmp_path / "a.onnx")
