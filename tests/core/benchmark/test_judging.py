"""Texts that only the sound is judged with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.benchmark.judging import JudgedText, Spoken, judged_texts, record
from core.benchmark.probe import Probe
from core.benchmark.sound import judge, sound_by_text
from core.benchmark.texts import TextSet, texts_for, written_texts
from core.voices.phonemes import phoneme_ids
from tests.vits import TINY, voice_config, write_voice

_RATE = 22050
_TEXTS = TextSet(
    "mine",
    "en",
    {
        "a": "Go.",
        "b": "The cat sat on the mat, and slept.",
        "c": "It rained all day; the cat sat on the mat, and slept.",
    },
    latency_text="b",
)


def test_what_the_texts_of_a_benchmark_lack_is_made_from_them() -> None:
    config = voice_config(TINY)
    judged = judged_texts(_TEXTS, config)
    assert {name: (one.text, one.length_scale) for name, one in judged.items()} == {
        "fast": ("The cat sat on the mat, and slept.", 0.7),
        "slow": ("Go.", 1.5),
        "question": ("The cat sat on the mat, and slept?", 1.0),
        "exclamation": ("Go!", 1.0),
        "numbers": ("13, 1984; 27 000, 3.5.", 1.0),
        "list": ("The, cat, sat, on, the, mat, and, slept.", 1.0),
        "word": ("slept", 1.0),
        "long sentence": (
            "It rained all day; the cat sat on the mat, and slept, The cat sat on the mat, and slept.",
            1.0,
        ),
    }
    for one in judged.values():
        assert one.ids == phoneme_ids(config, one.text)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("el", {"question": ";", "exclamation": "!"}),
        ("fa", {"question": "؟", "exclamation": "!"}),
        ("hi", {"question": "?", "exclamation": "!"}),
        ("zh", {"question": "？", "exclamation": "！"}),
    ],
)
def test_the_marks_are_those_of_the_language(language: str, expected: dict[str, str]) -> None:
    texts = written_texts(language)
    assert texts is not None
    judged = judged_texts(texts, voice_config(TINY) | {"espeak": {"voice": "cmn" if language == "zh" else language}})
    ends = {name: one.text[-1] for name, one in judged.items() if name in expected}
    assert ends.items() <= expected.items()


def test_a_voice_that_lacks_the_sounds_of_a_text_is_not_judged_by_it() -> None:
    config = voice_config(TINY)
    letters = {letter: [number] for number, letter in enumerate("_^$ abcdefghijklmnopqrstuvwxyz,.;!?")}
    spelled = replace(_TEXTS, texts={name: text.lower() for name, text in _TEXTS.texts.items()})
    judged = judged_texts(spelled, config | {"phoneme_type": "text", "phoneme_id_map": letters})
    assert "numbers" not in judged
    assert {"question", "exclamation", "list", "word"} <= judged.keys()


def test_generated_texts_are_judged_by_speed_and_length_alone() -> None:
    config = voice_config(TINY)
    texts = texts_for(config, "tlh")
    assert texts.phonemes
    judged = judged_texts(texts, config)
    assert set(judged) == {"fast", "slow", "long sentence"}
    assert len(judged["long sentence"].ids) > len(texts.ids(config)["long"])


def test_texts_are_recorded_at_their_speed(tmp_path: Path) -> None:
    config = voice_config(TINY)
    ids = {"a": phoneme_ids(config, "The cat sat on the mat.")}
    judged = {name: JudgedText("", ids["a"], scale) for name, scale in (("as it is", 1.0), ("slow", 1.5))}
    with Probe("tiny", "onnxruntime", write_voice(tmp_path), 1, config) as probe:
        spoken = record(probe, ids, judged)
    assert np.array_equal(spoken.texts[0], spoken.judged[0])
    assert len(spoken.judged[1]) > 1.2 * len(spoken.texts[0])


def test_judged_texts_count_for_the_worst_but_not_for_the_means() -> None:
    tone = (0.1 * np.sin(np.arange(12 * _RATE) / 10)).astype(np.float32)
    original = Spoken([tone, tone], [tone])
    other = Spoken([tone, tone], [(2 * tone).astype(np.float32)])
    sound = judge(original, other, _RATE, ["short", "long", "question"])
    assert (sound.quality.mel_db, sound.quality.worst) == (0, 2)
    assert sound.quality.worst_mel_db == pytest.approx(3, abs=0.1)
    assert [one.text for one in sound_by_text(sound)] == ["short", "long", "question"]
    assert sound.quality.grade == "slight"


def test_a_variant_that_did_not_speak_the_judged_texts_is_compared_without_them() -> None:
    """As one that is only evaluated on this machine."""
    tone = (0.1 * np.sin(np.arange(2 * _RATE) / 10)).astype(np.float32)
    sound = judge(Spoken([tone], [tone]), Spoken([tone], []), _RATE, ["short", "question"])
    assert [one.text for one in sound_by_text(sound)] == ["short"]
    assert sound.quality.grade == "transparent"


def test_a_defect_in_a_judged_text_breaks_a_variant() -> None:
    tone = (0.1 * np.sin(np.arange(_RATE) / 10)).astype(np.float32)
    broken = np.full(_RATE, np.nan, np.float32)
    sound = judge(Spoken([tone], [tone]), Spoken([tone], [broken]), _RATE, ["short", "question"])
    assert (sound.quality.mel_db, sound.quality.grade) == (None, "broken")
    assert sound.quality.defects.not_finite == 1
