"""Building variants without a queue."""

from pathlib import Path
from typing import Any

from core.variants.recipes import RECIPES, Task
from core.voices.file import config_path_of, read_config


def make(
    recipe: str,
    source: Path,
    target: Path,
    log: list[str] | None = None,
    calibration: Path | None = None,
    language: str = "en",
    **params: str,
) -> dict[str, Any]:
    """Build a variant of a voice, and return what the recipe adds to the lineage."""
    log = [] if log is None else log
    made_by = RECIPES[recipe]
    more: dict[str, Any] = made_by.load().make(
        Task(
            source=source,
            target=target,
            config=read_config(config_path_of(source)),
            language=language,
            params=made_by.resolve(params),
            calibration=calibration,
            log=log.append,
            progress=lambda stage, share: log.append(f"{share:.2f} {stage}"),
        )
    )
    return more
