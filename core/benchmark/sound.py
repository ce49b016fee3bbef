"""The metrics of the sound of a variant: means, the worst of the texts, and those of each text."""

from collections.abc import Sequence
from dataclasses import asdict, replace

from core.quality.compare import Quality
from core.records.benchmarks import TextSound
from core.records.metrics import Metrics


def with_sound(metrics: Metrics, quality: Quality, names: Sequence[str]) -> Metrics:
    """Return the metrics with those of the sound filled in; `names` are those of the texts, in the order of `quality`."""
    return replace(
        metrics,
        duration_drift_pct=quality.duration_drift_pct,
        mel_db=quality.mel_db,
        pesq=quality.pesq,
        estoi=quality.estoi,
        tone_db=quality.tone_db,
        tone_hz=quality.tone_hz,
        worst_mel_db=quality.worst_mel_db,
        worst_pesq=quality.worst_pesq,
        worst_estoi=quality.worst_estoi,
        worst_text=None if quality.worst is None else names[quality.worst],
        defects=asdict(quality.defects),
        grade=quality.grade,
    )


def sound_by_text(quality: Quality, names: Sequence[str]) -> tuple[TextSound, ...]:
    """Return how each text sounds."""
    return tuple(
        TextSound(name, text.duration_drift_pct, text.mel_db, text.pesq, text.estoi)
        for name, text in zip(names, quality.texts, strict=True)
    )
