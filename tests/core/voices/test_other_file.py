"""`core.voices.other_file`: what is said about a path that is not a voice's model."""

import gzip
import json
import pickle
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from core.voices.file import config_path_of, read_voice
from tests.core.refusals import refusal
from tests.vits import TINY, build_model, voice_config, write_voice


def _checkpoint(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("epoch=1/data.pkl", b"\x80\x02}.")


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("amy.onnx", b"\x08\x08")


def _tar(path: Path) -> None:
    mode = {"gz": "w:gz", "tgz": "w:gz", "bz2": "w:bz2", "xz": "w:xz"}.get(path.name.rpartition(".")[2], "w")
    inner = path.with_name("inner.txt")
    inner.write_text("x")
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        archive.add(inner, "amy.onnx")


def _text(content: str | bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content.encode() if isinstance(content, str) else content) and None


@pytest.mark.parametrize(
    ("name", "write", "words"),
    [
        (
            "amy.ckpt",
            _checkpoint,
            "is a checkpoint, not a voice: export it where it was trained (python -m piper.train",
        ),
        ("amy.onnx", _checkpoint, "is a checkpoint"),
        ("amy.pt", _text(pickle.dumps({}, 2)), "is a checkpoint"),
        ("amy.pth", _text(b"\x00 whatever"), "is a checkpoint"),
        ("amy.tar.gz", _tar, "unpack it (tar -xf "),
        ("amy.tgz", _tar, "unpack it (tar -xf "),
        ("amy.tar.bz2", _tar, "unpack it (tar -xf "),
        ("amy.tar.xz", _tar, "unpack it (tar -xf "),
        ("amy.tar", _tar, "unpack it (tar -xf "),
        ("amy", _tar, "unpack it (tar -xf "),
        ("amy.onnx.gz", _text(gzip.compress(b"\x08\x08")), "unpack it (gunzip -k "),
        ("amy.zip", _zip, "unpack it (unzip "),
        (
            "amy.onnx",
            _text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
            "is a Git LFS pointer, not the file itself",
        ),
        ("amy.onnx", _text("<!DOCTYPE html><html>"), "is a web page"),
        ("amy.onnx", _text("  \n<html>"), "is a web page"),
        ("amy.pbtxt", _text("ir_version: 8"), "is a model as text: convert it first"),
        ("amy.textproto", _text("graph { }"), "is a model as text: convert it first"),
        ("amy.prototxt", _text("garbage {{{"), "is a model as text: convert it first"),
        ("amy.onnxtxt", _text("<\n ir_version: 8\n>"), "format='\"'\"'onnxtxt'\"'\"')"),
        ("amy.onnxjson", _text("{"), "is JSON, not a model"),
        ("voices.json", _text("[1, 2]"), "is JSON, not a model: name the .onnx file"),
        ("amy.json", _text(b"\xff\xfe{\x00}\x00"), "is JSON, not a model"),
        ("amy.ort", _text(b"\x20\0\0\0ORTM"), "is a model in ONNX Runtime's own format"),
        ("amy.tflite", _text(b"\x20\0\0\0TFL3"), "is a TensorFlow Lite model"),
        ("amy.safetensors", _text(b"\x08\0\0\0\0\0\0\0{}"), "is a file of weights"),
        ("amy.wav", _text(b"RIFF"), "is a recording"),
        ("README.md", _text("# Amy"), "is not an ONNX model"),
    ],
)
def test_a_file_of_another_kind_is_recognized(
    name: str, write: Callable[[Path], None], words: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    write(path)
    assert words in refusal(read_voice, path, names=path)


@pytest.mark.parametrize("name", ["tiny.onnx.json", "tiny.json", "config.json", "other.onnx.json"])
def test_a_configuration_leads_to_the_model_beside_it(name: str, voice_path: Path) -> None:
    path = voice_path.with_name(name)
    config_path_of(voice_path).rename(path)
    assert refusal(read_voice, path, names=path).endswith(f"is a configuration, not a model: add {voice_path}")


def test_a_configuration_without_a_model_names_the_missing_one(voice_path: Path) -> None:
    voice_path.unlink()
    path = config_path_of(voice_path)
    assert "get tiny.onnx too, and add that" in refusal(read_voice, path, names=path)


def test_a_configuration_among_several_models_leads_to_its_own(tmp_path: Path) -> None:
    amy, joe = (write_voice(tmp_path, name=name) for name in ("amy", "joe"))
    assert refusal(read_voice, config_path_of(joe), names=joe).endswith(f"add {joe}")
    (tmp_path / "other.json").write_text("{}")
    assert str(amy) not in refusal(read_voice, tmp_path / "other.json", names=tmp_path)


def test_a_folder_with_one_voice_leads_to_it(voice_path: Path) -> None:
    folder = voice_path.parent
    assert refusal(read_voice, folder, names=folder).endswith(f"is a folder: add the voice in it, {voice_path}")
    write_voice(folder, name="second")
    assert refusal(read_voice, folder, names=folder).endswith("is a folder: name the .onnx file in it")


def test_a_path_without_its_ending_or_with_a_typo_leads_to_the_voice(voice_path: Path) -> None:
    stem = voice_path.with_suffix("")
    assert refusal(read_voice, stem, names=stem).endswith(f"does not exist: add {voice_path}")
    typo = voice_path.with_name("tony.onnx")
    assert refusal(read_voice, typo, names=typo).endswith(f"the one voice in its folder, {voice_path}")


def _text_model(path: Path) -> None:
    onnx.save(build_model(TINY), path, format="textproto")


def _zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("amy.onnx", build_model(TINY).SerializeToString())


def _tarred(path: Path) -> None:
    inner = path.with_name("inner")
    inner.write_bytes(build_model(TINY).SerializeToString())
    with tarfile.open(path, "w:gz") as archive:
        archive.add(inner, "amy.onnx")
    inner.unlink()


def _gzipped(path: Path) -> None:
    path.write_bytes(gzip.compress(build_model(TINY).SerializeToString()))


@pytest.mark.parametrize("write", [_text_model, _zipped, _tarred, _gzipped])
def test_a_file_with_the_name_of_a_model_is_converted_by_the_command_and_kept(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "amy.onnx"
    write(path)
    before = path.read_bytes()
    line = refusal(read_voice, path, names=path)
    command = line.partition(" it (")[2] or line.partition("convert it first (")[2]
    subprocess.run(command.rpartition("), then add")[0], shell=True, check=True, cwd=tmp_path)
    (model,) = (found for found in tmp_path.rglob("*.onnx") if found != path)
    config_path_of(model).write_text(json.dumps(voice_config(TINY)))
    read_voice(model)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "others", "target"),
    [
        ("amy.ckpt", (), "amy.onnx"),
        ("amy.ckpt", ("amy.onnx",), "amy-exported.onnx"),
        ("amy.onnx", (), "amy-exported.onnx"),
        ("amy.onnx", ("amy-exported.onnx",), "amy-exported-2.onnx"),
    ],
)
def test_the_export_of_a_checkpoint_overwrites_no_file(
    name: str, others: tuple[str, ...], target: str, tmp_path: Path
) -> None:
    for other in others:
        (tmp_path / other).write_bytes(b"another")
    path = tmp_path / name
    _checkpoint(path)
    assert refusal(read_voice, path, names=path).endswith(f"--checkpoint {path} --output-file {tmp_path / target})")


@pytest.mark.parametrize("name", ["config.json", "tiny.json", "tiny.onnx (1).json"])
def test_a_model_without_its_configuration_gets_the_command_that_names_it_right(name: str, voice_path: Path) -> None:
    config = config_path_of(voice_path)
    config.rename(voice_path.with_name(name))
    (voice_path.parent / "package.json").write_text("{}")
    command = refusal(read_voice, voice_path, names=config).rpartition(": ")[2]
    assert command.startswith("cp ")
    subprocess.run(command, shell=True, check=True)
    read_voice(voice_path)


def test_another_voice_s_configuration_is_not_offered(tmp_path: Path) -> None:
    amy, _ = (write_voice(tmp_path, name=name) for name in ("amy", "joe"))
    config_path_of(amy).unlink()
    assert "needs its .onnx.json beside it" in refusal(read_voice, amy, names=config_path_of(amy))


def test_a_model_as_text_is_converted_by_the_command(tmp_path: Path) -> None:
    path = tmp_path / "amy's.textproto"
    onnx.save(build_model(TINY), path, format="textproto")
    line = refusal(read_voice, path, names=path)
    subprocess.run(line.partition("convert it first (")[2].rpartition("), then add")[0], shell=True, check=True)
    model = path.with_suffix(".onnx")
    config_path_of(model).write_text(json.dumps(voice_config(TINY)))
    read_voice(model)
    assert refusal(read_voice, path, names=path).endswith("amy'\"'\"'s.onnx'")


@pytest.mark.parametrize("name", ["voice.json", "voice.pbtxt", "voice.bin", "voice", "voice.pt"])
def test_a_model_of_any_name_is_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(build_model(TINY).SerializeToString())
    config_path_of(path).write_text(json.dumps(voice_config(TINY)))
    assert read_voice(path).path == path
