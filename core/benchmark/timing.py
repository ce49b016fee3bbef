"""Metrics computed from raw samples: those of a model at one thread count, against the original in the same pairs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.benchmark.statistics import bootstrap_median, median, p90
from core.records.benchmarks import ParallelRun, Sample, Startup, TextMetrics
from core.records.metrics import Metrics
from core.records.verdict import speed_verdict

Values = npt.NDArray[np.float64]

MIN_PAIRS = 10
"""The fewest undisturbed pairs that a result needs."""
# Other processes that use more than this share of the cores shift a pair by about the default width of an interval.
_DISTURBED_SHARE = 0.10


@dataclass(frozen=True)
class Memory:
    """Memory of one process in MB: before it loaded a model, at its peak, and idle after synthesis."""

    baseline_mb: float
    peak_mb: float
    idle_mb: float


@dataclass(frozen=True)
class Measurements:
    """Everything measured of one model at one thread count."""

    samples: tuple[Sample, ...]
    starts: tuple[Startup, ...]
    parallel_runs: tuple[ParallelRun, ...]
    memory: tuple[Memory, ...]


def undisturbed_pairs(original: Sequence[Sample], samples: Sequence[Sample]) -> list[int]:
    """Return the common pairs during which other processes used at most a tenth of all cores."""
    seconds, others = defaultdict[int, float](float), defaultdict[int, float](float)
    for sample in (*original, *samples):
        seconds[sample.pair] += sample.seconds
        others[sample.pair] += sample.seconds * (sample.others_share or 0.0)
    return [pair for pair in _common_pairs(original, samples) if others[pair] <= _DISTURBED_SHARE * seconds[pair]]


def counted_pairs(original: Sequence[Sample], samples: Sequence[Sample]) -> list[int]:
    """Return the pairs that metrics are computed from: the undisturbed ones if they are enough, otherwise all."""
    undisturbed = undisturbed_pairs(original, samples)
    return undisturbed if len(undisturbed) >= MIN_PAIRS else _common_pairs(original, samples)


def speedup(original: Sequence[Sample], samples: Sequence[Sample]) -> tuple[float, float, float]:
    """Return the speed-up with its 95 % interval, (median, low, high), over the pairs that count."""
    return bootstrap_median(ratios(original, samples))


def ratios(original: Sequence[Sample], samples: Sequence[Sample]) -> Values:
    """Return the original's time / the variant's time for each pair that counts, each over all texts."""
    return _ratios(counted_pairs(original, samples), original, samples)


def with_timing(
    metrics: Metrics, original: Measurements, measured: Measurements, latency_text: str, phonemes_ms: float | None
) -> Metrics:
    """Return the metrics with speed and memory filled in. `phonemes_ms` is the time to make the phonemes of the latency text."""
    pairs = counted_pairs(original.samples, measured.samples)
    samples = _of_pairs(pairs, measured.samples)
    of_text = _of_text(latency_text, samples)
    middle, low, high = speedup(original.samples, measured.samples)
    audio = sum(sample.audio_seconds for sample in samples)
    first_audio = _known_median([sample.first_audio_seconds for sample in of_text])
    return replace(
        metrics,
        pairs=len(pairs),
        speedup=middle,
        speedup_ci=(low, high),
        verdict=speed_verdict((low, high)),
        rtf=_per_audio_second(sum(sample.seconds for sample in samples), audio),
        latency_ms=_median_ms(of_text),
        latency_p90_ms=p90(_seconds(of_text)) * 1000,
        original_latency_ms=_median_ms(_of_text(latency_text, _of_pairs(pairs, original.samples))),
        ttfa_ms=None if first_audio is None or phonemes_ms is None else phonemes_ms + first_audio * 1000,
        cold_start_s=_known_median([start.first_audio_s for start in measured.starts if start.cold]),
        load_s=_known_median([start.load_s for start in measured.starts if not start.cold]),
        throughput=_known_median([run.audio_seconds / run.seconds for run in measured.parallel_runs]),
        requests=measured.parallel_runs[0].requests if measured.parallel_runs else None,
        cpu_s_per_audio_s=_per_audio_second(sum(sample.cpu_seconds or 0 for sample in samples), audio),
        energy_j=_known_median([sample.joules for sample in of_text]),
        peak_rss_mb=max(memory.peak_mb for memory in measured.memory),
        settled_rss_mb=_known_median([memory.idle_mb for memory in measured.memory]),
        bare_rss_mb=_known_median([memory.baseline_mb for memory in measured.memory]),
    )


def latency_ms(measured: Measurements, latency_text: str) -> float:
    """Return the median time for that text in ms, over the pairs that count for this model alone."""
    pairs = counted_pairs(measured.samples, measured.samples)
    return _median_ms(_of_text(latency_text, _of_pairs(pairs, measured.samples)))


def metrics_by_text(original: Measurements, measured: Measurements) -> tuple[TextMetrics, ...]:
    """Return the metrics of each text that the model produced audio for."""
    found = []
    pairs = counted_pairs(original.samples, measured.samples)
    samples, original_samples = _of_pairs(pairs, measured.samples), _of_pairs(pairs, original.samples)
    for text in dict.fromkeys(sample.text for sample in samples):
        of_text, of_original = _of_text(text, samples), _of_text(text, original_samples)
        audio = sum(sample.audio_seconds for sample in of_text)
        if not audio:
            continue
        found.append(
            TextMetrics(
                text=text,
                audio_seconds=audio / len(of_text),
                latency_ms=_median_ms(of_text),
                latency_p90_ms=p90(_seconds(of_text)) * 1000,
                rtf=sum(sample.seconds for sample in of_text) / audio,
                speedup=median(_ratios(pairs, of_original, of_text)),
            )
        )
    return tuple(found)


def _per_audio_second(seconds: float, audio_seconds: float) -> float | None:
    """Return seconds per second of audio, None for a model that produced no audio."""
    return seconds / audio_seconds if audio_seconds else None


def _common_pairs(original: Sequence[Sample], samples: Sequence[Sample]) -> list[int]:
    of_original = {sample.pair for sample in original}
    return list(dict.fromkeys(sample.pair for sample in samples if sample.pair in of_original))


def _ratios(pairs: Sequence[int], original: Sequence[Sample], samples: Sequence[Sample]) -> Values:
    seconds, original_seconds = _seconds_by_pair(samples), _seconds_by_pair(original)
    return np.array([original_seconds[pair] / seconds[pair] for pair in pairs])


def _of_pairs(pairs: Sequence[int], samples: Sequence[Sample]) -> list[Sample]:
    wanted = set(pairs)
    return [sample for sample in samples if sample.pair in wanted]


def _of_text(text: str, samples: Sequence[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.text == text]


def _seconds_by_pair(samples: Sequence[Sample]) -> dict[int, float]:
    totals: dict[int, float] = {}
    for sample in samples:
        totals[sample.pair] = totals.get(sample.pair, 0.0) + sample.seconds
    return totals


def _seconds(samples: Sequence[Sample]) -> Values:
    return np.array([sample.seconds for sample in samples])


def _median_ms(samples: Sequence[Sample]) -> float:
    return median(_seconds(samples)) * 1000


def _known_median(values: Sequence[float | None]) -> float | None:
    """Return the median of the values that are not None, or None if there are none."""
    known = [value for value in values if value is not None]
    return median(np.array(known)) if known else None
