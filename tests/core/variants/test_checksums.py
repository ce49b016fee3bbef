"""`core.variants.checksums`: what a variant is known by, a file or a folder."""

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


def test_a_file_is_known_by_its_checksum(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"model")
    assert checksum_of(tmp_path / "a.onnx") == sha256_of(tmp_path / "a.onnx")
    assert size_of(tmp_path / "a.onnx") == 5


def test_a_folder_is_known_by_the_checksum_of_its_manifest(folder: Path) -> None:
    assert checksum_of(folder) == sha256_of(folder / "manifest.json")
    assert size_of(folder) == 5 + 7 + (folder / "manifest.json").stat().st_size
    listed = json.loads((folder / "manifest.json").read_text())["files"]
    assert set(listed) == {"front.onnx", "body/weights/weight.bin"}


def test_what_is_hidden_is_a_cache_and_no_part_of_it(folder: Path) -> None:
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


@pytest.mark.parametrize("gone", ["manifest.json", "front.onnx"])
def test_a_file_that_is_gone_is_missing_not_damaged(gone: str, folder: Path) -> None:
    (folder / gone).unlink()
    with pytest.raises(FileNotFoundError):
        checksum_of(folder)


def test_another_content_is_another_identity(folder: Path) -> None:
    before = checksum_of(folder)
    (folder / "front.onnx").write_bytes(b"another")
    write_manifest(folder)
    assert checksum_of(folder) != before


def test_what_is_no_regular_file_is_damaged_and_hangs_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.onnx")
    with pytest.raises(Damaged, match="no regular file"):
        checksum_of(tmp_path / "a.onnx")
