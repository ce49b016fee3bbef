"""Check that the files of a voice or a variant are intact."""

from pathlib import Path
from typing import Any

from core.variants.checksums import integrity_error
from core.voices.file import config_path_of


def model_error(path: Path, sha256: str, config: dict[str, Any] | None = None) -> str | None:
    """Return what is wrong with a model or the configuration next to it, None if both are intact.

    With `config` the configuration must have exactly this content.
    """
    if path.is_file():
        missing = missing_config_error(path)
        if missing:
            return missing
    return integrity_error(path, sha256, config)


def missing_config_error(path: Path) -> str | None:
    """Return an error if a model has no configuration next to it. A variant's folder contains its configuration."""
    config = config_path_of(path)
    return None if path.is_dir() or config.is_file() else f"{config} is missing: Piper cannot load the voice without it"
