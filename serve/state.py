"""What the parts of the service share."""

from dataclasses import dataclass

from serve.playback import Player
from serve.scheduler import Scheduler
from serve.statistics import Statistics
from serve.voices import Voices


@dataclass(frozen=True)
class Service:
    """The service while it runs."""

    voices: Voices
    scheduler: Scheduler
    player: Player
    statistics: Statistics
