"""What is measured of a tuned voice: its sound beside the original's, and its speed."""

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx

from core.benchmark.judging import judged_texts
from core.benchmark.texts import texts_for
from core.engines.ort import OrtVoice
from core.quality.compare import Quality, Recordings, compare_sound
from core.quality.grade import grade
from core.tune.aligned import AlignedVoice, Utterance
from core.tune.goal import Figures
from core.voices.spoken_sentences import Sentence

# Pairs of the original and the variant, whose CPU times are compared.
_PAIRS = 3
# What an error of a frame in the predicted duration of every phoneme would cost in PESQ, if that were linear: of a real voice
# in 8, 5 and 4 bits, errors of 0.01 to 0.03 frames cost 9 to 16 times as much. The judging corrects what this is off by.
_PESQ_PER_FRAME = 13.0


class Listener:
    """Compares variants of one voice with its original, on sentences for searching and on others for judging."""

    def __init__(
        self,
        source: Path,
        simplified: onnx.ModelProto,
        config: dict[str, Any],
        language: str,
        sentences: Sequence[Sentence],
    ) -> None:
        """Take the original, what it is simplified to, which computes the same, and the sentences for searching."""
        self._original = OrtVoice(source, threads=1)
        self._rate = int(config["audio"]["sample_rate"])
        scale = float(config.get("inference", {}).get("length_scale", 1.0))
        speakers = max(1, int(config.get("num_speakers", 1)))
        self._utterances = [
            Utterance(sentence.ids(config), scale, number % speakers) for number, sentence in enumerate(sentences)
        ]
        texts = texts_for(config, language)
        self._texts = [Utterance(ids, scale) for ids in texts.ids(config).values()]
        self._judged = [Utterance(text.ids, text.length_scale * scale) for text in judged_texts(texts, config).values()]
        by_length = sorted(self._utterances, key=lambda utterance: len(utterance.ids))
        self._timed = by_length[len(by_length) // 2]
        copy = onnx.ModelProto()
        copy.CopyFrom(simplified)
        voice = AlignedVoice(copy, aligned=False)
        self._spoken = [voice.speak(utterance) for utterance in self._utterances]

    def measure(self, variant: Path) -> Figures:
        """Return the figures of a variant on the sentences for searching.

        It speaks with the original's durations. What its own cost is computed from the error of their prediction.
        """
        voice = AlignedVoice(onnx.load(variant), aligned=True)
        pairs = zip(self._utterances, self._spoken, strict=True)
        spoken = [voice.speak(utterance, original.durations) for utterance, original in pairs]
        quality = compare_sound([one.audio for one in self._spoken], [one.audio for one in spoken], self._rate)
        durations = [(a.durations, b.durations) for a, b in zip(self._spoken, spoken, strict=True)]
        error = float(np.mean([np.abs(a - b).mean() for a, b in durations]))
        frames = [(np.ceil(a).sum(), np.ceil(b).sum()) for a, b in durations]
        drift = float(np.mean([abs(b - a) / a * 100 for a, b in frames]))
        return self._figures(variant, quality, drift, error)

    def judge(self, variant: Path) -> Figures:
        """Return the figures of a variant on the texts of a benchmark, with its own durations."""
        voice = OrtVoice(variant, threads=1)
        quality = compare_sound(
            _speak(self._original, self._texts),
            _speak(voice, self._texts),
            self._rate,
            (_speak(self._original, self._judged), _speak(voice, self._judged)),
        )
        return self._figures(variant, quality, quality.duration_drift_pct)

    def _figures(self, variant: Path, quality: Quality, drift_pct: float, duration_error: float = 0.0) -> Figures:
        lost = _PESQ_PER_FRAME * duration_error
        pesq, worst = (None if one is None else one - lost for one in (quality.pesq, quality.worst_pesq))
        mel, worst_mel = quality.mel_db, quality.worst_mel_db
        return Figures(
            size_bytes=variant.stat().st_size,
            speedup=self._speedup(OrtVoice(variant, threads=1)),
            grade=grade(mel, drift_pct, quality.defects, pesq, quality.tone_db, worst_mel, worst),
            drift_pct=drift_pct,
            duration_error=duration_error,
            mel_db=float("inf") if mel is None else mel,
            pesq=pesq,
            worst_pesq=worst,
        )

    def _speedup(self, voice: OrtVoice) -> float:
        """Return the median over pairs of the original's CPU time, relative to the variant's, at one thread."""
        return median(self._seconds(self._original) / self._seconds(voice) for _ in range(_PAIRS))

    def _seconds(self, voice: OrtVoice) -> float:
        # Of this process only: other programs on the machine do not count.
        begin = time.process_time()
        _speak(voice, [self._timed])
        return max(time.process_time() - begin, 1e-6)


def _speak(voice: OrtVoice, utterances: Sequence[Utterance]) -> Recordings:
    return [voice.synthesize(one.ids, one.length_scale, one.speaker) for one in utterances]
