"""A stored result of a benchmark. Plain data: the dashboard reads it without NumPy or ONNX Runtime."""

from dataclasses import dataclass
from typing import Any

from core.hardware.limits import Limits
from core.records.metrics import Metrics


@dataclass(frozen=True)
class SpokenTexts:
    """The texts of a benchmark."""

    name: str
    """With the language and the version: `sv v1`."""
    note: str | None
    """Why these, if they are not the ones in the voice's language as they are written."""

    def __str__(self) -> str:
        return f"{self.name or 'unknown'} ({self.note})" if self.note else self.name or "unknown"


@dataclass(frozen=True)
class Origin:
    """The variant, machine and settings that a result belongs to."""

    id: str
    benchmark_id: str
    voice: str
    voice_id: str
    variant: str
    variant_sha256: str
    recipe: str | None
    machine: str
    machine_facts: dict[str, Any]
    environment: dict[str, str]
    engine: str | None
    """The engine that ran it (`core.engines.names`); None if nothing on that machine could."""
    threads: int
    stock: bool
    """Whether ONNX Runtime's default session options were used."""
    benchmark_version: str
    text_set: str
    """The name of the texts that were spoken, and the note on them, as in `SpokenTexts`."""
    text_set_note: str | None


@dataclass(frozen=True)
class Result(Metrics, Origin):
    """One variant (the original included) of one benchmark at one thread count.

    Metrics that could not be measured are None, with the reason in `unmeasured`.
    """

    noisy: bool
    unmeasured: dict[str, str]
    """Metric -> why it is None."""
    regression: dict[str, Any] | None
    """What got worse on that machine, as judged when it was measured (`core.history.regression`)."""
    created_at: str
    limits: Limits | None = None
    """What limited the worker that measured it; None if that was not recorded, as by older versions."""

    @property
    def spoken(self) -> SpokenTexts:
        """Return the texts that were spoken."""
        return SpokenTexts(self.text_set, self.text_set_note)
