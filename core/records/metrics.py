"""The metrics of a benchmark: the stored fields, and one table that defines how each is shown, filtered and compared.

To add a metric: a field in `Metrics` (declared with `since`) and a row in `METRICS` here, the code that measures it, and
a migration that adds its column (with an index `results_sorted_by_COLUMN` if it has a filter).
"""

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from core.quality.grade import Grade
from core.records.verdict import SpeedVerdict

_FIRST_FORMAT = 2


def since(export_format: int) -> Any:
    """Declare a metric that is missing from exports older than this format; it is read as None there."""
    return field(default=None, metadata={"since": export_format})


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """What was measured of one variant at one thread count. Times in ms or s, MB = 10^6 bytes; None if not measured.

    Fields have the names and the order of the columns in the store, where the interval is `speedup_low` and `speedup_high`.
    """

    pairs: int = 0
    speedup: float | None = None
    speedup_ci: tuple[float, float] | None = None
    verdict: SpeedVerdict | None = None
    rtf: float | None = None
    latency_ms: float | None = None
    latency_p90_ms: float | None = None
    original_latency_ms: float
    ttfa_ms: float | None = None
    cold_start_s: float | None = None
    load_s: float | None = None
    throughput: float | None = None
    """Seconds of audio per second, with `requests` parallel requests."""
    requests: int | None = None
    cpu_s_per_audio_s: float | None = None
    energy_j: float | None = None
    """Energy of the whole processor for the latency text."""
    peak_rss_mb: float | None = None
    settled_rss_mb: float | None = None
    bare_rss_mb: float | None = None
    size_bytes: int
    program_db: float | None = None
    """For Core ML: signal-to-noise ratio of the evaluated program against the original, measured at conversion."""
    duration_drift_pct: float | None = None
    mel_db: float | None = None
    pesq: float | None = None
    estoi: float | None = None
    defects: dict[str, int] = field(default_factory=dict)
    grade: Grade | None = None
    tone_db: float | None = since(3)
    """How much the worst tone stands out above the original's spectrum; 0 if none does."""
    tone_hz: float | None = since(3)
    """The frequency of the worst tone."""
    worst_mel_db: float | None = since(3)
    worst_pesq: float | None = since(3)
    worst_estoi: float | None = since(3)
    worst_text: str | None = since(3)
    """The text that sounds worst, by its name; None if none sounds worse than another."""
    dnsmos: float | None = since(3)
    """The overall DNSMOS P.835, which knows no original; the original has one, too."""


@dataclass(frozen=True)
class Metric:
    """A numeric metric: its name, unit and format, and how it is filtered and compared."""

    field: str
    """The field of `Metrics`, the column in the store and the JSON key."""
    label: str
    unit: str
    digits: int
    """Decimals in details and comparisons; `column_digits` in tables of results."""
    column_digits: int
    better: Literal["higher", "lower"]
    head: str
    """The header of a column, without the unit; empty if the unit is enough."""
    filter: str | None = None
    """The name in filters and for `--sort`; None for a metric without an index."""
    has_ratio: bool = True
    """Whether the ratio of two values is meaningful."""
    scale: float = 1.0
    """The stored value that is one unit: 1e6 for bytes shown as MB."""

    def value(self, metrics: Metrics) -> float | None:
        """Return the value in the unit of the metric, or None if it was not measured."""
        stored: float | None = getattr(metrics, self.field)
        return None if stored is None else stored / self.scale

    @property
    def title(self) -> str:
        """Return the label with its unit: `peak memory, MB`."""
        return f"{self.label}, {self.unit}" if self.unit else self.label

    def column(self, separator: str = " ") -> str:
        """Return the header of a column with its unit: `peak MB`."""
        return separator.join(filter(None, [self.head, self.unit]))


METRICS: tuple[Metric, ...] = (
    Metric("speedup", "speed-up", "", 2, 2, "higher", "speed-up, 95 %", "speedup"),
    Metric("rtf", "RTF", "", 4, 3, "lower", "RTF", "rtf"),
    Metric("latency_ms", "latency", "ms", 1, 0, "lower", "latency", "latency"),
    Metric("latency_p90_ms", "p90", "ms", 1, 0, "lower", "p90", "p90"),
    Metric("ttfa_ms", "first audio", "ms", 1, 0, "lower", "first audio", "ttfa"),
    Metric("cold_start_s", "cold start", "s", 2, 2, "lower", "cold start"),
    Metric("load_s", "load time", "s", 2, 2, "lower", "load", "load"),
    Metric("throughput", "throughput", "s audio/s", 1, 1, "higher", "throughput", "throughput"),
    Metric("cpu_s_per_audio_s", "CPU", "s per s audio", 3, 3, "lower", "CPU"),
    Metric("energy_j", "energy", "J", 2, 2, "lower", "energy", "energy"),
    Metric("peak_rss_mb", "peak memory", "MB", 0, 0, "lower", "peak", "peak"),
    Metric("settled_rss_mb", "settled memory", "MB", 0, 0, "lower", "settled", "settled"),
    Metric("mel_db", "mel distance", "dB", 2, 1, "lower", "mel", "mel", has_ratio=False),
    Metric("worst_mel_db", "worst mel", "dB", 2, 1, "lower", "worst mel", has_ratio=False),
    Metric("pesq", "PESQ", "", 2, 2, "higher", "PESQ", "pesq", has_ratio=False),
    Metric("worst_pesq", "worst PESQ", "", 2, 2, "higher", "min", "worst", has_ratio=False),
    Metric("estoi", "ESTOI", "", 3, 3, "higher", "ESTOI", has_ratio=False),
    Metric("worst_estoi", "worst ESTOI", "", 3, 3, "higher", "worst ESTOI", has_ratio=False),
    Metric("dnsmos", "DNSMOS", "", 2, 2, "higher", "DNSMOS", has_ratio=False),
    Metric("duration_drift_pct", "duration drift", "%", 2, 1, "lower", "drift", "drift", has_ratio=False),
    Metric("tone_db", "worst tone", "dB", 1, 1, "lower", "tone", "tone", has_ratio=False),
    Metric("size_bytes", "file", "MB", 1, 1, "lower", "", "size", scale=1e6),
)
"""All metrics, in the order of details and comparisons."""


def metrics(*names: str) -> tuple[Metric, ...]:
    """Return the metrics with these fields, in this order."""
    by_field = {metric.field: metric for metric in METRICS}
    return tuple(by_field[name] for name in names)


# The metrics that have a column. Variant, threads and sound have one in every view.
RUN_COLUMNS = metrics("size_bytes", "speedup", "rtf", "peak_rss_mb", "pesq", "duration_drift_pct")
"""Columns of results in the terminal."""
HISTORY_COLUMNS = metrics("rtf", "size_bytes", "peak_rss_mb", "pesq", "worst_pesq", "mel_db", "duration_drift_pct")
"""Columns of the dashboard's results tab, after the speed-up and the sound."""
REPORT_COLUMNS = metrics(
    *("size_bytes", "speedup", "rtf", "latency_ms", "latency_p90_ms", "ttfa_ms", "load_s", "peak_rss_mb"),
    *("settled_rss_mb", "energy_j", "mel_db", "duration_drift_pct", "pesq", "worst_pesq", "dnsmos", "tone_db"),
)
"""Columns of the tables in the HTML report."""

LATER_METRICS = {one.name: int(one.metadata["since"]) for one in fields(Metrics) if "since" in one.metadata}
"""Metrics added after export format 2 -> the format that introduced them."""
EXPORT_FORMAT = max([_FIRST_FORMAT, *LATER_METRICS.values()])
