"""Recordings to listen to: those of a variant's last benchmark, and of the original in the same run."""

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import TtsdashError
from core.files import PRIVATE_FILE, mkdir_private
from core.text import safe_name
from core.workspace import Workspace

_PAUSE_S = 0.4
_FULL_SCALE = 32767


def recording_pair(workspace: Workspace, voice_folder: str, variant: str) -> tuple[Path, Path]:
    """Return the paths of the recordings of a variant and of its original."""
    folder = workspace.recordings / safe_name(voice_folder, "voice")
    name = safe_name(variant, "variant")
    return folder / f"{name}.wav", folder / f"{name}.original.wav"


def write_recording(path: Path, texts: list[npt.NDArray[np.float32]], sample_rate: int, scratch: Path) -> None:
    """Write the audio of several texts, float32 [samples] each, as one 16-bit PCM file; replace an existing one.

    `scratch` is a folder on the same file system for the file while it is being written.
    """
    mkdir_private(path.parent)
    pause = np.zeros(int(_PAUSE_S * sample_rate), np.float32)
    audio = np.concatenate([part for text in texts for part in (text, pause)])
    partial = scratch / path.name
    with wave.open(str(partial), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes((np.nan_to_num(np.clip(audio, -1, 1)) * _FULL_SCALE).astype("<i2").tobytes())
    partial.chmod(PRIVATE_FILE)
    partial.replace(path)


def read_recording(path: Path) -> tuple[npt.NDArray[np.float32], int]:
    """Return the audio, float32 [samples], and its sample rate. Raises TtsdashError for a file of another format."""
    try:
        with wave.open(str(path), "rb") as file:
            rate, frames = file.getframerate(), file.readframes(file.getnframes())
            if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                raise wave.Error("not 16-bit mono")
            if not frames:
                raise wave.Error("it is empty")
    except (wave.Error, EOFError) as error:
        raise TtsdashError(f"cannot read the recording {path} ({error}): benchmark the voice again") from error
    return np.frombuffer(frames, "<i2").astype(np.float32) / np.float32(_FULL_SCALE), rate
