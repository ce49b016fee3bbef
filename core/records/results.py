"""A stored result of a benchmark. Plain data: the dashboard reads it without NumPy or ONNX Runtime."""

from dataclasses import dataclass
from typing import Any

from core.hardware.limits import Limits
from core.records.metrics import Metrics


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
