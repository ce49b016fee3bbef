"""A `quantize` job: makes one variant of a voice, a single `.onnx` file, by a recipe."""

from typing import Any

from core.variants.recipes import Task
from core.variants.variant_files import Draft, check_variant, variant_path
from core.workspace import Workspace
from jobs.context import JobContext
from jobs.kinds.variant import make_variant


def run(context: JobContext) -> None:
    """Make the variant that the job asks for."""
    make_variant(context, _draft, check)


def _draft(workspace: Workspace, folder: str, variant: str, job_id: int) -> Draft:
    return Draft(variant_path(workspace, folder, variant), job_id)


def check(task: Task) -> dict[str, Any]:
    """Check the finished file; it adds nothing to the lineage."""
    check_variant(task.source, task.target, task.config, task.log)
    return {}
