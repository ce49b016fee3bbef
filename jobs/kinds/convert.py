"""A `convert` job: makes the variant of a voice for Core ML, a folder."""

from typing import Any

from core.coreml.layout import FRONT
from core.variants.recipes import Task
from core.variants.variant_files import FolderDraft, variant_folder
from core.workspace import Workspace
from jobs.context import JobContext
from jobs.kinds.variant import make_variant


def run(context: JobContext) -> None:
    """Make the variant that the job asks for."""
    make_variant(context, _draft, _check)


def _draft(workspace: Workspace, folder: str, variant: str, job_id: int) -> FolderDraft:
    return FolderDraft(variant_folder(workspace, folder, variant), job_id, model=FRONT)


def _check(task: Task) -> dict[str, Any]:
    # This imports coremltools, which takes seconds and is not available everywhere.
    from core.coreml.verify import verify

    return verify(task)
