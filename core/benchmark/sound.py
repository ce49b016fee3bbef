"""The metrics of the sound of a variant: means, the worst of the texts, and those of each text."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from core.benchmark.judging import Spoken
from core.quality.compare import Quality, compare_sound
from core.quality.dnsmos import dnsmos, find_model
from core.records.benchmarks import TextSound
from core.records.metrics import Metrics


@dataclass(frozen=True)
class VariantSound:
    """How a variant sounds, with the names of the texts in the order of the quality's."""

    quality: Quality
    names: tuple[str, ...]
    dnsmos: float | None
    unmeasured: dict[str, str]
    """Metric -> why it is None."""


def judge(original: Spoken, variant: Spoken, sample_rate: int, names: Sequence[str]) -> VariantSound:
    """Compare the recordings of a variant with the original's; `names` are those of all texts, the timed ones first.

    Texts that one of them did not speak are not compared.
    """
    spoken = min(len(original.judged), len(variant.judged))
    quality = compare_sound(
        original.texts, variant.texts, sample_rate, (original.judged[:spoken], variant.judged[:spoken])
    )
    score, why = _dnsmos(variant, quality, sample_rate)
    unmeasured = quality.unmeasured | ({"dnsmos": why} if why else {})
    return VariantSound(quality, tuple(names[: len(original.texts) + spoken]), score, unmeasured)


def _dnsmos(variant: Spoken, quality: Quality, sample_rate: int) -> tuple[float | None, str | None]:
    """Return the score of all that a variant spoke, or why there is none."""
    model = find_model()
    if model is None:
        return None, "the package speechmos is not installed (ttsdash[quality])"
    if quality.mel_db is None:
        return None, quality.unmeasured["mel_db"]
    score = dnsmos(model, [*variant.texts, *variant.judged], sample_rate)
    return score, "the audio is silent" if score is None else None


def with_sound(metrics: Metrics, sound: VariantSound) -> Metrics:
    """Return the metrics with those of the sound filled in."""
    quality = sound.quality
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
        dnsmos=sound.dnsmos,
        worst_text=None if quality.worst is None else sound.names[quality.worst],
        defects=asdict(quality.defects),
        grade=quality.grade,
    )


def sound_by_text(sound: VariantSound) -> tuple[TextSound, ...]:
    """Return how each text sounds."""
    return tuple(
        TextSound(name, text.duration_drift_pct, text.mel_db, text.pesq, text.estoi)
        for name, text in zip(sound.names, sound.quality.all_texts, strict=True)
    )
