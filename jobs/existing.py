"""Which variants need not be made, since they are there as they would be made now."""

from collections.abc import Sequence
from pathlib import Path

from core.records.jobs import NewJob
from core.records.voices import Variant, Voice
from core.variants.checksums import integrity_error
from core.variants.recipes import RECIPES


def find_up_to_date(voice: Voice, jobs: Sequence[NewJob]) -> dict[str, int | None]:
    """Those that lie in place whole, of the same source, recipe, parameters and tools; by name, with the job of each."""
    there = {variant.name: variant for variant in voice.variants}
    return {
        str(job.variant): there[str(job.variant)].job_id
        for job in jobs
        if job.variant in there and _is_as_wanted(there[str(job.variant)], voice, job)
    }


def _is_as_wanted(variant: Variant, voice: Voice, job: NewJob) -> bool:
    recipe = RECIPES[job.params["recipe"]]
    return (
        variant.recipe == recipe.name
        and variant.source_sha256 == voice.id
        # The lineage holds more than was asked for.
        and all(variant.params.get(name) == value for name, value in job.params["params"].items())
        and variant.tools == recipe.tool_versions()
        and integrity_error(Path(variant.path), variant.sha256, voice.config) is None
    )
