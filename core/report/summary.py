"""Says in words what a variant's figures mean, cheering nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.records.results import Result
from core.records.voices import ORIGINAL

_SOUND = {
    "transparent": "sounds like the original",
    "slight": "sounds slightly different from the original",
    "noticeable": "sounds clearly worse than the original",
    "broken": "sounds broken",
}
_SPEED = {"faster": "faster than", "slower": "slower than", "no difference": "no faster or slower than"}


def threads_label(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


@dataclass(frozen=True)
class BenchmarkSummary:
    """What the results of one benchmark mean."""

    variants: dict[str, str]
    """A few sentences on each variant; nothing on the original."""
    notes: tuple[str, ...]
    """On the whole run."""

    def lines(self, variant: str | None = None) -> list[str]:
        """Return a line a variant, or only that of `variant`, and the notes."""
        shown = {name: text for name, text in self.variants.items() if variant in (None, name)}
        return [*(f"{name}: {text}" for name, text in shown.items()), *self.notes]


def summarize(results: Sequence[Result]) -> BenchmarkSummary:
    """Explain the results of one benchmark."""
    originals = {result.threads: result for result in results if result.variant == ORIGINAL}
    variants = {}
    for name in dict.fromkeys(result.variant for result in results if result.variant != ORIGINAL):
        rows = [result for result in results if result.variant == name]
        beside = originals.get(rows[0].threads)
        size = [_size(rows[0], beside)] if beside else []
        variants[name] = " ".join([*size, _speed(rows), describe_quality(rows[0])])
    busy = "The machine was busy with other work during this run: take the speeds with care."
    return BenchmarkSummary(variants, (busy,) if any(result.noisy for result in results) else ())


def _size(row: Result, original: Result) -> str:
    smaller = (1 - row.size_bytes / original.size_bytes) * 100
    change = (
        f"{abs(smaller):.0f} % {'smaller' if smaller > 0 else 'larger'} than" if abs(smaller) >= 0.5 else "as large as"
    )
    memory = (
        f", peak memory {row.peak_rss_mb / original.peak_rss_mb * 100:.0f} % of it"
        if row.peak_rss_mb and original.peak_rss_mb
        else ""
    )
    return f"the file is {change} the original's{memory}."


def _speed(rows: list[Result]) -> str:
    says = [
        f"{_SPEED[row.verdict]} the original at {threads_label(row.threads)} "
        f"({row.speedup:.2f}x, 95 % interval {row.speedup_ci[0]:.2f}–{row.speedup_ci[1]:.2f})"
        for row in rows
        if row.speedup and row.speedup_ci and row.verdict
    ]
    if not says:
        return f"Speed and memory are not measured: {rows[0].unmeasured.get('speedup', 'no reason is known')}."
    return f"It is {'; '.join(says)}."


def describe_quality(row: Result) -> str:
    """How a variant sounds beside the original."""
    mel = "no mel distance" if row.mel_db is None else f"mel distance {row.mel_db:.1f} dB"
    found = [f"{count} texts {name.replace('_', ' ')}" for name, count in row.defects.items() if count]
    scores = [f"PESQ {row.pesq:.1f} of 4.6"] if row.pesq is not None else []
    details = ", ".join([*scores, mel, f"durations drift {row.duration_drift_pct or 0:.1f} %", *found])
    how = "Evaluated without Core ML it" if row.engine == "coreml-evaluated" else "It"
    return f"{how} {_SOUND.get(row.grade or '', 'was not graded')} ({details})."
