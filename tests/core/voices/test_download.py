"""`core.voices.download`: piper's own downloader, against a server in the place of the real one."""

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from piper import download_voices

from core.errors import InvalidInput, TtsdashError
from core.voices.download import download, piper_names
from core.voices.file import config_path_of, is_piper_name, read_voice
from tests.piper_collection import NAME, Collection, serving

ACCENTED = "pt_PT-tugão-medium"


@pytest.fixture
def collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collection]:
    made = Collection(tmp_path / "served", (NAME, ACCENTED))
    with serving(made) as address:
        for name in ("URL_FORMAT", "VOICES_JSON"):
            place = getattr(download_voices, name).replace("https://huggingface.co", address)
            monkeypatch.setattr(download_voices, name, place)
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "voices"


def left_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []


def nothing(received: int, total: int | None) -> None:
    """Progress that nobody looks at."""


@pytest.mark.parametrize("name", [NAME, ACCENTED])
def test_a_voice_is_downloaded_completely_with_progress(collection: Collection, folder: Path, name: str) -> None:
    progress: list[tuple[int, int | None]] = []
    model = download(name, folder, lambda received, total: progress.append((received, total)))
    size = read_voice(model).size_bytes
    assert left_in(folder) == [f"{name}.onnx", f"{name}.onnx.json"]
    assert progress[-1] == (size, size)
    assert [received for received, _ in progress] == sorted(received for received, _ in progress)
    assert {total for _, total in progress} == {size}
    assert model.stat().st_mode & 0o777 == 0o600


def test_an_existing_voice_is_not_downloaded_again(collection: Collection, folder: Path) -> None:
    download(NAME, folder, nothing)
    collection.asked.clear()
    assert download(NAME, folder, nothing) == folder / f"{NAME}.onnx"
    assert not collection.asked


def test_an_existing_voice_that_cannot_speak_is_refused_and_stays(collection: Collection, folder: Path) -> None:
    model = download(NAME, folder, nothing)
    config = config_path_of(model)
    config.write_text(config.read_text().replace('"espeak",', '"IPA",'))
    with pytest.raises(InvalidInput, match="that Piper does not know, 'IPA'"):
        download(NAME, folder, nothing)
    assert model.exists()


def test_a_model_without_its_configuration_is_not_written_over(collection: Collection, folder: Path) -> None:
    folder.mkdir()
    (folder / f"{NAME}.onnx").write_bytes(b"somebody's own")
    with pytest.raises(InvalidInput, match=r"without its \.onnx\.json: move it away"):
        download(NAME, folder, nothing)
    assert (folder / f"{NAME}.onnx").read_bytes() == b"somebody's own"


def test_the_names_are_listed(collection: Collection) -> None:
    assert piper_names() == [NAME, ACCENTED]


@pytest.mark.parametrize("name", ["en_US-nobody-medium", "xx_XX-tiny-medium"])
def test_a_name_that_the_collection_does_not_have_is_refused(collection: Collection, folder: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match=f"has no {name}: `ttsdash voices download` lists its names"):
        download(name, folder, nothing)
    assert not left_in(folder)


@pytest.mark.parametrize("name", ["lessac", "en_US-../../../x-medium", "en_US-a-b/c", "", "/voices/en_US-a-low.onnx"])
def test_an_invalid_name_is_refused_without_a_request(collection: Collection, folder: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="names look like en_US-lessac-medium"):
        download(name, folder, nothing)
    assert not is_piper_name(name)
    assert not collection.asked
    assert not folder.exists()


def cut(collection: Collection) -> None:
    collection.cut_short = True


def garble(collection: Collection) -> None:
    collection.files = {path: b"<html>" if path.endswith("onnx") else data for path, data in collection.files.items()}


def silence(collection: Collection) -> None:
    collection.files = {path: data.replace(b'"espeak",', b'"IPA",') for path, data in collection.files.items()}


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (
            cut,
            rf"{NAME} was not downloaded completely from 127.0.0.1 \(the connection ended after \d+ of \d+ bytes\): try again",
        ),
        (garble, rf"the download of {NAME} is not a voice: {NAME}.onnx is a web page"),
        (
            silence,
            rf"{NAME} was downloaded, but not kept: {NAME}.onnx.json has a phoneme_type that Piper does not know",
        ),
    ],
    ids=["cut short", "no voice", "cannot speak"],
)
def test_an_incomplete_download_leaves_nothing(
    collection: Collection, folder: Path, harm: Callable[[Collection], None], message: str
) -> None:
    harm(collection)
    with pytest.raises(TtsdashError, match=message):
        download(NAME, folder, nothing)
    assert not left_in(folder)


def test_an_unreachable_host_gets_one_line_with_a_fix(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A port that was free a moment ago.
    with serving(Collection(folder, ())) as address:
        pass
    monkeypatch.setattr(download_voices, "VOICES_JSON", f"{address}/voices.json")
    with pytest.raises(
        TtsdashError, match=r"127.0.0.1 cannot be reached \(Connection refused\): if this machine is off"
    ):
        piper_names()


def test_an_interrupted_download_leaves_nothing_and_a_killed_one_s_remains_go(
    collection: Collection, folder: Path
) -> None:
    def interrupt(received: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(NAME, folder, interrupt)
    assert not left_in(folder)
    (folder / ".downloading").mkdir()
    (folder / ".downloading" / "en_US-other-low.onnx").write_bytes(b"half")
    download(NAME, folder, nothing)
    assert left_in(folder) == [f"{NAME}.onnx", f"{NAME}.onnx.json"]


def test_the_second_of_two_parallel_downloads_is_refused(collection: Collection, folder: Path) -> None:
    folder.mkdir()
    holder = os.open(folder, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with pytest.raises(InvalidInput, match=r"another download into .* is running"):
        download(NAME, folder, nothing)
    os.close(holder)
