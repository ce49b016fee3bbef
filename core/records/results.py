"""One measured result of a benchmark."""

from dataclasses import dataclass
from typing import Any

from core.records.metrics import Metrics


@dataclass(frozen=True)
class Origin:
    """What a result was measured of, where and how."""

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
    """What ran it (`core.engines.engine`)."""
    threads: int
    stock: bool
    benchmark_version: str


@dataclass(frozen=True)
class Result(Metrics, Origin):
    """One variant (the original included) of one benchmark at one thread count.

    Metrics that could not be measured are None, with the reason in `unmeasured`.
    """

    noisy: bool
    unmeasured: dict[str, str]
    """Figure -> why it is empty."""
    regression: dict[str, Any] | None
    """What is worse than it was on that machine, as judged when it was measured (`core.history.regression`)."""
    created_at: str
