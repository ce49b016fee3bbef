"""Whether the files of a voice or a variant are those that were made."""

from pathlib import Path
from typing import Any

from core.variants.checksums import integrity_error
from core.voices.file import config_path_of


def wrong_with_model(path: Path, sha256: str, config: dict[str, Any] | None = None) -> str | None:
    """What is wrong with the model there, or with the configuration beside it; None if they are well.

    With `config` the latter must say just that.
    """
    return unconfigured(path) if path.is_file() and unconfigured(path) else integrity_error(path, sha256, config)


def unconfigured(path: Path) -> str | None:
    """What is wrong with a model that has no configuration beside it; a folder's is among its own files."""
    config = config_path_of(path)
    return None if path.is_dir() or config.is_file() else f"{config} is missing, without which Piper loads no voice"
