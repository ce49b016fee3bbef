"""Forecasts for the recipes of a voice, from past runs on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.records.job_states import OPEN
from core.records.jobs import NewJob
from core.variants.recipes import RECIPES
from core.variants.suitability import obstacle
from tui.text.format import short_time, speedup

if TYPE_CHECKING:
    from core.history.forecast import Forecast
    from core.records.voices import Voice
    from core.store.durations import Estimate
    from core.workspace import Workspace
    from tui.dashboard.snapshot import Snapshot


@dataclass(frozen=True)
class RecipeForecast:
    """The forecast for a recipe with default parameters."""

    forecast: Forecast | None
    duration: Estimate | None
    obstacle: str | None
    """Why the recipe cannot be applied, on this machine or to this voice."""


@dataclass(frozen=True)
class VoiceForecasts:
    """The forecasts for all recipes, by name, and for benchmarks of a voice."""

    recipes: Mapping[str, RecipeForecast]
    benchmark: Estimate | None
    """For the original alone; each variant takes as long again."""


def read_forecasts(workspace: Workspace, voice: Voice, machine_id: str) -> VoiceForecasts:
    """Read the forecasts for a voice. Run this in a thread."""
    from core.history.forecasts import read_forecast
    from core.store.database import open_store
    from core.store.durations import estimate
    from jobs.submit import benchmark_job

    with closing(open_store(workspace)) as db:
        return VoiceForecasts(
            {
                name: RecipeForecast(
                    read_forecast(db, machine_id, name, recipe.variant),
                    estimate(db, NewJob(recipe.job, voice.id, recipe.variant, {}), machine_id),
                    obstacle(recipe, voice),
                )
                for name, recipe in RECIPES.items()
            },
            estimate(db, benchmark_job(voice, []), machine_id),
        )


def describe_existing(snapshot: Snapshot, voice: Voice, missing: frozenset[str]) -> dict[str, str]:
    """Return, by name, a note on each variant that exists or that a job is making. `missing` are paths without a file."""
    making = {
        str(job.variant): f"{job.shown_state} as job {job.id}"
        for job in snapshot.jobs
        if job.voice_id == voice.id and job.variant and job.state in OPEN
    }
    made = {}
    for variant in voice.variants:
        if variant.recipe and variant.outdated is None and variant.path not in missing:
            result = snapshot.latest_result(voice, variant)
            figures = f"{speedup(result)}, {result.grade or 'not graded'}" if result else "not measured"
            made[variant.name] = f"made {short_time(variant.created_at)}, {figures}"
    return making | made
