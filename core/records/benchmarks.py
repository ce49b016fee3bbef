"""A benchmark as it is stored and exported: its results with their raw samples."""

from dataclasses import dataclass, field, fields
from typing import Any, Self

from core.hardware.machine import Environment, Machine
from core.records.metrics import Metrics


@dataclass(frozen=True)
class Sample:
    """One timed synthesis of a text."""

    pair: int
    text: str
    seconds: float
    audio_seconds: float
    first_audio_seconds: float | None = None
    """Time to the first chunk of audio; the whole synthesis for models that do not stream."""
    cpu_seconds: float | None = None
    joules: float | None = None
    """Energy that the whole processor used meanwhile."""
    others_share: float | None = None
    """Share of all cores that other processes used meanwhile, 0..1."""


@dataclass(frozen=True)
class Startup:
    """One start of a process that loads the model and speaks the shortest text."""

    number: int
    cold: bool
    """Whether the model's files were read from disk, not from the page cache."""
    load_s: float
    first_audio_s: float
    """Time from the start of the process."""


@dataclass(frozen=True)
class ParallelRun:
    """Several simultaneous requests to one loaded model."""

    number: int
    requests: int
    seconds: float
    audio_seconds: float
    """Total of all requests."""


@dataclass(frozen=True)
class TextMetrics:
    """Metrics of one text, medians over the pairs. They remain when raw samples are pruned."""

    text: str
    audio_seconds: float
    latency_ms: float
    latency_p90_ms: float
    rtf: float
    speedup: float


@dataclass(frozen=True)
class TextSound:
    """How a variant speaks one text, against the original; None for what could not be measured."""

    text: str
    duration_drift_pct: float
    mel_db: float | None
    pesq: float | None
    estoi: float | None


@dataclass(frozen=True)
class ResultRecord:
    """The metrics of one variant at one thread count, with its raw samples."""

    id: str
    variant: str
    variant_sha256: str
    recipe: str | None
    engine: str | None
    """The engine that ran it; None if nothing on this machine could."""
    threads: int
    stock: bool
    """Whether ONNX Runtime's default session options were used."""
    metrics: Metrics
    noisy: bool
    unmeasured: dict[str, str]
    """Metric -> why it is None."""
    regression: dict[str, Any] | None = None
    """What got worse on that machine (`core.history.regression`)."""
    samples: tuple[Sample, ...] = ()
    starts: tuple[Startup, ...] = ()
    parallel_runs: tuple[ParallelRun, ...] = ()
    texts: tuple[TextMetrics, ...] = ()
    sounds: tuple[TextSound, ...] = ()
    """Empty if the sound was not compared, and in results of versions before 0.3."""

    @property
    def figures(self) -> dict[str, Any]:
        """Return all but the samples as one flat dictionary, keyed by the columns of the store. Exports have this form."""
        return {
            "id": self.id,
            "variant": self.variant,
            "variant_sha256": self.variant_sha256,
            "recipe": self.recipe,
            "engine": self.engine,
            "threads": self.threads,
            "stock": self.stock,
            **metric_columns(self.metrics),
            "noisy": self.noisy,
            "unmeasured": self.unmeasured,
            "regression": self.regression,
        }

    @classmethod
    def from_figures(cls, figures: dict[str, Any], **parts: Any) -> Self:
        """Return a record of `figures`, in the form of the property of that name, with the samples in `parts`."""
        rest = dict(figures)
        metrics = read_metrics(rest)
        return cls(metrics=metrics, **rest, **parts)


def metric_columns(metrics: Metrics) -> dict[str, Any]:
    """Return the metrics keyed by the columns of the store, which has two for the interval."""
    low, high = metrics.speedup_ci or (None, None)
    columns: dict[str, Any] = {}
    for name, value in vars(metrics).items():
        columns |= {"speedup_low": low, "speedup_high": high} if name == "speedup_ci" else {name: value}
    return columns


def read_metrics(columns: dict[str, Any]) -> Metrics:
    """Remove the metrics from `columns` and return them: the inverse of `metric_columns`."""
    low, high = columns.pop("speedup_low"), columns.pop("speedup_high")
    values = {field.name: columns.pop(field.name) for field in fields(Metrics) if field.name in columns}
    return Metrics(speedup_ci=None if low is None else (low, high), **values)


@dataclass(frozen=True)
class BenchmarkRecord:
    """A whole benchmark run, ready to be stored."""

    id: str
    voice_id: str
    """SHA-256 of the original."""
    voice_key: str
    machine: Machine
    environment: Environment
    version: str
    texts: dict[str, Any]
    load: dict[str, Any]
    created_at: str
    results: tuple[ResultRecord, ...] = field(default=())
