"""A `distill` job: trains a smaller decoder for a voice. It takes an hour or more, and goes on from its checkpoint."""

from core.variants.variant_files import Draft, variant_path
from core.workspace import Workspace
from jobs.context import JobContext
from jobs.kinds.quantize import check
from jobs.kinds.variant import make_variant


def run(context: JobContext) -> None:
    """Make the variant that the job asks for, with the state of its training."""
    make_variant(context, _draft, check)


def _draft(workspace: Workspace, folder: str, variant: str, job_id: int) -> Draft:
    return Draft(variant_path(workspace, folder, variant), job_id, trained=True)
