"""Summaries of benchmark results in plain sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.quality.grade import MAX_TONE_DB
from core.records.results import Result
from core.records.voices import ORIGINAL

_SOUND = {
    "transparent": "sounds like the original",
    "slight": "sounds slightly different from the original",
    "noticeable": "sounds clearly worse than the original",
    "broken": "sounds broken",
}
_SPEED = {"faster": "faster than", "slower": "slower than", "no difference": "no faster or slower than"}


@dataclass(frozen=True)
class BenchmarkSummary:
    """The results of one benchmark in words."""

    variants: dict[str, str]
    """Variant -> a few sentences; the original has none."""
    notes: tuple[str, ...]
    """Notes on the whole run."""

    def lines(self, variant: str | None = None) -> list[str]:
        """Return one line per variant, or only that of `variant`, followed by the notes."""
        shown = {name: text for name, text in self.variants.items() if variant in (None, name)}
        return [*(f"{name}: {text}" for name, text in shown.items()), *self.notes]


def summarize(results: Sequence[Result]) -> BenchmarkSummary:
    """Summarize the results of one benchmark."""
    originals = {result.threads: result for result in results if result.variant == ORIGINAL}
    variants = {}
    for name in dict.fromkeys(result.variant for result in results if result.variant != ORIGINAL):
        rows = [result for result in results if result.variant == name]
        original = originals.get(rows[0].threads)
        size = [_size(rows[0], original)] if original else []
        variants[name] = " ".join([*size, _speed(rows), describe_quality(rows[0])])
    busy = "Noisy run (other processes were active): treat the speeds as approximate."
    notes = [busy] if any(result.noisy for result in results) else []
    sets = {(result.text_set, result.text_set_note): None for result in results if result.text_set_note}
    notes += [f"Texts: {name} ({note})." for name, note in sets]
    return BenchmarkSummary(variants, tuple(notes))


def _size(row: Result, original: Result) -> str:
    saved = (1 - row.size_bytes / original.size_bytes) * 100
    if abs(saved) < 0.5:
        size = "The file is as large as the original"
    else:
        size = f"The file is {abs(saved):.0f} % {'smaller' if saved > 0 else 'larger'} than the original"
    if row.peak_rss_mb and original.peak_rss_mb:
        size += f"; peak memory is {row.peak_rss_mb / original.peak_rss_mb * 100:.0f} % of the original's"
    return f"{size}."


def _speed(rows: list[Result]) -> str:
    speeds = [
        f"{_SPEED[row.verdict]} the original at {_counted(row.threads, 'thread')} "
        f"({row.speedup:.2f}x, 95 % interval {row.speedup_ci[0]:.2f}–{row.speedup_ci[1]:.2f})"
        for row in rows
        if row.speedup and row.speedup_ci and row.verdict
    ]
    if not speeds:
        return f"Speed and memory were not measured: {rows[0].unmeasured.get('speedup', 'unknown reason')}."
    return f"It is {'; '.join(speeds)}."


def describe_quality(row: Result) -> str:
    """Return a sentence on how a variant sounds compared with the original."""
    mel = "no mel distance" if row.mel_db is None else f"mel distance {row.mel_db:.1f} dB"
    defects = [f"{_counted(count, 'text')} {name.replace('_', ' ')}" for name, count in row.defects.items() if count]
    details = ", ".join(
        [*_scores(row), mel, f"duration drift {row.duration_drift_pct or 0:.1f} %", *_tones(row), *defects]
    )
    subject = "Evaluated without Core ML, it" if row.engine == "coreml-evaluated" else "It"
    return f"{subject} {_SOUND.get(row.grade or '', 'was not graded')} ({details})."


def _scores(row: Result) -> list[str]:
    if row.pesq is None:
        return []
    score = f"PESQ {row.pesq:.1f} of 4.6"
    if row.worst_pesq is None or row.worst_text is None:
        return [score]
    return [f"{score}, worst {row.worst_pesq:.1f} ({row.worst_text})"]


def _tones(row: Result) -> list[str]:
    """Return the worst tone if it can be heard."""
    if row.tone_db is None or row.tone_db <= MAX_TONE_DB:
        return []
    where = "" if row.tone_hz is None else f" at {row.tone_hz:.0f} Hz"
    return [f"a tone of {row.tone_db:.0f} dB{where}"]


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
