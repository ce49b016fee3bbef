"""The resources and limits of a job, and whether the disk has room for it."""

from core.files import space_shortage
from core.hardware.detection import usable_memory_mb
from core.records.jobs import Limits
from core.records.resources import Resources
from core.records.voices import Voice
from core.settings import Settings
from core.workspace import Workspace

# The most that a recipe used for a voice of 63 MB: 1.5 cores on average, and 1.2 GB of memory.
_CORES = 2
_MEMORY_PER_VOICE = 17
_BASE_MEMORY_MB = 150
# PyTorch, and the weights, gradients and activations of a student.
_TRAINING_MEMORY_MB = 1000
_MEMORY_LIMIT_SHARE = 0.8
# The new variant, the one that it replaces, and temporary files.
_DISK_PER_VOICE = 4
_BASE_DISK_MB = 20

BENCHMARK_RESOURCES = Resources(exclusive=True)


def variant_resources(voice: Voice) -> Resources:
    """Return what making a variant of the voice takes."""
    return Resources(_CORES, round(_BASE_MEMORY_MB + _MEMORY_PER_VOICE * voice.size_bytes / 1e6))


def distill_resources(voice: Voice) -> Resources:
    """Return what training a smaller decoder of the voice takes."""
    return Resources(_CORES, _TRAINING_MEMORY_MB + variant_resources(voice).memory_mb)


def default_limits(settings: Settings) -> Limits:
    """Return the limits of a new job: those of the settings, with memory limited to a share of this machine's."""
    memory = settings.memory_limit_mb or round(_MEMORY_LIMIT_SHARE * usable_memory_mb())
    return Limits(settings.time_limit_s, memory)


DISK_FULL = 3
"""The exit code of a job's process that could not record how it ended, since the disk was full."""


def disk_shortage(workspace: Workspace, voice_bytes: int) -> str | None:
    """Return why the disk is too full for a job on a voice of that size, or None if there is room."""
    return space_shortage(workspace.root, voice_bytes * _DISK_PER_VOICE + _BASE_DISK_MB * 1e6)
