"""Building variants without a queue."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

from core.variants.recipes import RECIPES, Task
from core.voices.file import config_path_of, read_config

# Parameters with which a recipe that takes minutes takes seconds.
QUICK = {"prune": {"rounds": "1", "blocks": "4"}}


def make(
    recipe: str,
    source: Path,
    target: Path,
    log: list[str] | None = None,
    calibration: Path | None = None,
    language: str = "en",
    **params: str,
) -> dict[str, Any]:
    """Build a variant of a voice, and return what the recipe adds to the lineage. A slow recipe does less than usual."""
    log = [] if log is None else log
    # With few excerpts: what a recipe that fits a decoder gains by more of them is not what tests look at.
    with patch("core.quantize.pruned._EXCERPTS", (1, 2)):
        return _make(recipe, source, target, log, calibration, language, params)


def _make(
    recipe: str,
    source: Path,
    target: Path,
    log: list[str],
    calibration: Path | None,
    language: str,
    params: dict[str, str],
) -> dict[str, Any]:
    made_by = RECIPES[recipe]
    more: dict[str, Any] = made_by.load().make(
        Task(
            source=source,
            target=target,
            config=read_config(config_path_of(source)),
            language=language,
            params=made_by.resolve(QUICK.get(recipe, {}) | params),
            calibration=calibration,
            log=log.append,
            progress=lambda stage, share: log.append(f"{share:.2f} {stage}"),
            training=target.with_suffix(".training"),
        )
    )
    return more
