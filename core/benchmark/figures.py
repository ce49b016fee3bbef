"""From raw samples to figures: what one model took at one thread count, beside the original in the same pairs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.benchmark.statistics import bootstrap_median, median, p90
from core.records.benchmarks import ParallelRun, Sample, Startup, TextFigures
from core.records.metrics import Metrics
from core.records.verdict import speed_verdict

Values = npt.NDArray[np.float64]

MIN_PAIRS = 10
"""That a figure stands on."""
# Others that take more than this share of the cores shift a pair by about as much as the interval that is asked for.
_DISTURBED_SHARE = 0.10


@dataclass(frozen=True)
class Memory:
    """Of one process, in MB: before it loaded a model, at most, and at rest after it had spoken."""

    bare_mb: float
    peak_mb: float
    settled_mb: float


@dataclass(frozen=True)
class Measurements:
    """All that was measured of one model."""

    samples: tuple[Sample, ...]
    starts: tuple[Startup, ...]
    parallel_runs: tuple[ParallelRun, ...]
    memory: tuple[Memory, ...]


def undisturbed_pairs(original: Sequence[Sample], samples: Sequence[Sample]) -> list[int]:
    """Those pairs that both have in which others took little of the machine while either of the two worked."""
    seconds, others = defaultdict[int, float](float), defaultdict[int, float](float)
    for sample in (*original, *samples):
        seconds[sample.pair] += sample.seconds
        others[sample.pair] += sample.seconds * (sample.others_share or 0.0)
    return [pair for pair in _pairs(original, samples) if others[pair] <= _DISTURBED_SHARE * seconds[pair]]


def counted_pairs(original: Sequence[Sample], samples: Sequence[Sample]) -> list[int]:
    """The pairs that the figures come from: the quiet ones if they are enough, else all that both have."""
    quiet = undisturbed_pairs(original, samples)
    return quiet if len(quiet) >= MIN_PAIRS else _pairs(original, samples)


def speedup(original: Sequence[Sample], samples: Sequence[Sample]) -> tuple[float, float, float]:
    """The original's time by the variant's, over the pairs that count: (median, low, high)."""
    return bootstrap_median(ratios(original, samples))


def ratios(original: Sequence[Sample], samples: Sequence[Sample]) -> Values:
    """The original's time by the variant's, for each pair that counts, all texts of it together."""
    return _ratios(counted_pairs(original, samples), original, samples)


def with_timing(
    metrics: Metrics, original: Measurements, measured: Measurements, latency_text: str, phonemes_ms: float
) -> Metrics:
    """Return the metrics with those of speed and memory filled in."""
    pairs = counted_pairs(original.samples, measured.samples)
    samples, besides = _of(pairs, measured.samples), _of(pairs, original.samples)
    said, beside = ([sample for sample in some if sample.text == latency_text] for some in (samples, besides))
    middle, low, high = speedup(original.samples, measured.samples)
    audio = sum(sample.audio_seconds for sample in samples)
    first_audio = _middle([sample.first_audio_seconds for sample in said])
    return replace(
        metrics,
        pairs=len(pairs),
        speedup=middle,
        speedup_ci=(low, high),
        verdict=speed_verdict((low, high)),
        rtf=_share(sum(sample.seconds for sample in samples), audio),
        latency_ms=_median_ms(said),
        latency_p90_ms=p90(_seconds(said)) * 1000,
        original_latency_ms=_median_ms(beside),
        ttfa_ms=None if first_audio is None else phonemes_ms + first_audio * 1000,
        cold_start_s=_middle([start.first_audio_s for start in measured.starts if start.cold]),
        load_s=_middle([start.load_s for start in measured.starts if not start.cold]),
        throughput=_middle([run.audio_seconds / run.seconds for run in measured.parallel_runs]),
        requests=measured.parallel_runs[0].requests if measured.parallel_runs else None,
        cpu_s_per_audio_s=_share(sum(sample.cpu_seconds or 0 for sample in samples), audio),
        energy_j=_middle([sample.joules for sample in said]),
        peak_rss_mb=max(memory.peak_mb for memory in measured.memory),
        settled_rss_mb=_middle([memory.settled_mb for memory in measured.memory]),
        bare_rss_mb=_middle([memory.bare_mb for memory in measured.memory]),
    )


def latency_ms(measured: Measurements, latency_text: str) -> float:
    """Return the median time for that text, in ms, over the pairs that count beside itself."""
    pairs = counted_pairs(measured.samples, measured.samples)
    return _median_ms([sample for sample in _of(pairs, measured.samples) if sample.text == latency_text])


def figures_by_text(original: Measurements, measured: Measurements) -> tuple[TextFigures, ...]:
    """The same for each text alone; of one for which nothing was said there is nothing to tell."""
    found = []
    pairs = counted_pairs(original.samples, measured.samples)
    samples, besides = _of(pairs, measured.samples), _of(pairs, original.samples)
    for text in dict.fromkeys(sample.text for sample in samples):
        said, beside = ([sample for sample in some if sample.text == text] for some in (samples, besides))
        audio = sum(sample.audio_seconds for sample in said)
        if not audio:
            continue
        found.append(
            TextFigures(
                text=text,
                audio_seconds=audio / len(said),
                latency_ms=_median_ms(said),
                latency_p90_ms=p90(_seconds(said)) * 1000,
                rtf=sum(sample.seconds for sample in said) / audio,
                speedup=median(_ratios(pairs, beside, said)),
            )
        )
    return tuple(found)


def _share(seconds: float, audio_seconds: float) -> float | None:
    """None for a model that said nothing at all."""
    return seconds / audio_seconds if audio_seconds else None


def _pairs(original: Sequence[Sample], samples: Sequence[Sample]) -> list[int]:
    there = {sample.pair for sample in original}
    return list(dict.fromkeys(sample.pair for sample in samples if sample.pair in there))


def _ratios(pairs: Sequence[int], original: Sequence[Sample], samples: Sequence[Sample]) -> Values:
    seconds, beside = _by_pair(samples), _by_pair(original)
    return np.array([beside[pair] / seconds[pair] for pair in pairs])


def _of(pairs: Sequence[int], samples: Sequence[Sample]) -> list[Sample]:
    wanted = set(pairs)
    return [sample for sample in samples if sample.pair in wanted]


def _by_pair(samples: Sequence[Sample]) -> dict[int, float]:
    totals: dict[int, float] = {}
    for sample in samples:
        totals[sample.pair] = totals.get(sample.pair, 0.0) + sample.seconds
    return totals


def _seconds(samples: Sequence[Sample]) -> Values:
    return np.array([sample.seconds for sample in samples])


def _median_ms(samples: Sequence[Sample]) -> float:
    return median(_seconds(samples)) * 1000


def _middle(values: Sequence[float | None]) -> float | None:
    """The median of what there is; None of nothing."""
    there = [value for value in values if value is not None]
    return median(np.array(there)) if there else None
