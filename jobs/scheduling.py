"""What a job needs of its machine, and what it may take of it."""

from core.hardware.detection import usable_memory_mb
from core.records.jobs import Limits
from core.records.resources import Resources
from core.records.voices import Voice
from core.settings import Settings

# The most that a recipe took of a voice of 63 MB: 1.5 cores' worth of time, and 1.2 GB of memory.
_CORES = 2
_MB_PER_MB = 17
_MB_ANYWAY = 150
_SHARE_OF_MEMORY = 0.8


def making_need(voice: Voice) -> Resources:
    return Resources(_CORES, round(_MB_ANYWAY + _MB_PER_MB * voice.size_bytes / 1e6))


MEASURING_NEED = Resources(alone=True)


def limits_from(settings: Settings) -> Limits:
    memory = settings.memory_limit_mb or round(_SHARE_OF_MEMORY * usable_memory_mb())
    return Limits(settings.time_limit_s, memory)
