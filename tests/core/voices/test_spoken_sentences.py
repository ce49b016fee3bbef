"""Sentences that a voice can say: its language's, those it has phonemes for, or ones generated from its phonemes."""

import json
from pathlib import Path
from typing import Any

import piper
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.benchmark.texts import texts_for, texts_of_file, written_texts
from core.errors import InvalidInput
from core.quantize.calibration import calibration_sentences, written_sentences
from core.voices.generated import generate
from core.voices.phonemes import is_sound, phonemes_of
from core.voices.spoken_sentences import MAX_DROPPED, SentenceKind, check_sentence
from tests.core.refusals import refusal
from tests.vits import TINY, voice_config

ESPEAK = voice_config(TINY)
_FOLDER = Path(piper.__file__).parent / "espeak-ng-data/lang"
# Piper's own letters for a Ukrainian voice without espeak: they are in lower case.
_UKRAINIAN = "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя\u0301\u0306\u0308"
_PINYIN = ("Ø", "b", "zh", "sh", "m", "a", "ang", "i", "uo", "1", "2", "3", "4", "5", "。", "，", ",", ".")
# The languages with most Piper voices.
LANGUAGES = [
    "ar",
    "bg",
    "ca",
    "cs",
    "cy",
    "da",
    "de",
    "el",
    "en",
    "es",
    "fa",
    "fi",
    "fr",
    "hi",
    "hu",
    "id",
    "is",
    "it",
    "ka",
    "kk",
    "lb",
    "lv",
    "ne",
    "nl",
    "no",
    "pl",
    "pt",
    "ro",
    "ru",
    "sk",
    "sl",
    "sr",
    "sv",
    "sw",
    "tr",
    "uk",
    "vi",
    "zh",
]
_ESPEAK_NAMES = {"en": "en-us", "no": "nb", "pt": "pt-br", "zh": "cmn"}
# Espeak writes its ties and a tone with signs that the map of Piper never had.
_NOT_IN_PIPERS_MAP = {"lv": {"`", "\u0361"}}


def with_letters(letters: str, **changes: Any) -> dict[str, Any]:
    """Return the configuration of a voice whose phonemes are letters."""
    ids = {letter: [number] for number, letter in enumerate(dict.fromkeys("_^$ !',-.:;?" + letters))}
    return ESPEAK | {"phoneme_type": "text", "phoneme_id_map": ids} | changes


def every_sentence(language: str) -> list[str]:
    texts, calibration = written_texts(language), written_sentences(language)
    assert texts
    assert calibration
    return [*texts.texts.values(), *calibration.sentences]


def test_every_language_of_the_program_is_listed_here() -> None:
    folder = Path("core/benchmark/text_sets")
    assert sorted(file.stem for file in (Path(__file__).parents[3] / folder).glob("*.json")) == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_piper_speaks_every_sentence_of_a_language_without_dropping_a_sound(language: str) -> None:
    name = _ESPEAK_NAMES.get(language, language)
    if not any(file.name.lower() == name for file in _FOLDER.rglob("*")):
        pytest.skip(f"espeak speaks no {language}")
    config = ESPEAK | {"espeak": {"voice": name}}
    for sentence in every_sentence(language):
        found = phonemes_of(config, sentence)
        assert set(found.dropped) <= _NOT_IN_PIPERS_MAP.get(language, set()), sentence
        assert found.dropped_share == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_a_dozen_sentences_to_calibrate_on_and_none_is_benchmarked(language: str) -> None:
    sentences, texts = written_sentences(language), written_texts(language)
    assert sentences
    assert texts
    assert sentences.name == texts.name == f"{language} v1"
    assert len(set(sentences.sentences)) == 12
    assert not set(sentences.sentences) & set(texts.texts.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_are_written_as_words(language: str) -> None:
    assert not any(char.isdigit() for sentence in every_sentence(language) for char in sentence)


@pytest.mark.parametrize(
    ("config", "language", "name", "kind"),
    [
        (ESPEAK, "en_US", "en v1", "written"),
        (ESPEAK, "en-gb-x-rp", "en v1", "written"),
        (ESPEAK | {"espeak": {"voice": "nb"}}, "nb", "no v1", "written"),
        (ESPEAK, "tlh", "generated v1", "generated"),
        (ESPEAK, "", "generated v1", "generated"),
        (with_letters(_UKRAINIAN), "uk_UA", "uk v1 in lower case", "written"),
        (with_letters(_UKRAINIAN + _UKRAINIAN.upper()), "uk_UA", "uk v1", "written"),
        (with_letters(_UKRAINIAN), "en_US", "generated v1", "generated"),
        (with_letters("abcdefghijklmnopqrstuvwxyz"), "en_US", "en v1 in lower case", "written"),
        (with_letters("abcdefghijklmnopqrstuvwxyz"), "uk_UA", "generated v1", "generated"),
        # A map of single letters of espeak's, which are too few for English.
        (ESPEAK | {"phoneme_id_map": with_letters("aeioumnptk")["phoneme_id_map"]}, "en", "generated v1", "generated"),
    ],
)
def test_a_voice_is_measured_and_calibrated_on_what_it_can_say(
    config: dict[str, Any], language: str, name: str, kind: str
) -> None:
    texts, calibration = texts_for(config, language), calibration_sentences(config, language, None)
    assert (texts.name, texts.kind) == (calibration.name, calibration.kind) == (name, kind)
    assert (texts.note is None) == (name in ("en v1", "no v1", "uk v1"))
    known = {entry for ids in config["phoneme_id_map"].values() for entry in ids}
    spoken = [*texts.ids(config).values(), *(sentence.ids(config) for sentence in calibration.sentences)]
    assert len({tuple(ids) for ids in spoken}) == 15
    assert all(set(ids) <= known for ids in spoken)
    # Sounds, not only pauses.
    short, medium, long = (len(ids) for ids in texts.ids(config).values())
    assert 20 < short < medium / 1.8 < long / 3


def test_the_note_names_what_a_voice_cannot_say() -> None:
    note = texts_for(with_letters(_UKRAINIAN), "en_US").note
    assert note == "from its phonemes: it cannot say en v1: 100 % of sentence 1 (t, h, e, d, o, r, i, s, …)"
    assert texts_for(ESPEAK, "tlh").note == "from its phonemes: no sentences in 'tlh'"


@pytest.mark.parametrize(
    ("without", "kind"),
    [
        # Of "The door is locked." in phonemes.
        ("ˈ", SentenceKind.WRITTEN),
        (".", SentenceKind.WRITTEN),
        ("ɪ", SentenceKind.GENERATED),
        ("ˈɪ", SentenceKind.GENERATED),
    ],
)
def test_a_few_percent_of_the_sounds_may_be_missing_and_stress_and_pauses_are_none(
    without: str, kind: SentenceKind
) -> None:
    ids = {phoneme: known for phoneme, known in ESPEAK["phoneme_id_map"].items() if phoneme not in without}
    assert texts_for(ESPEAK | {"phoneme_id_map": ids}, "en").kind == kind


def test_a_phoneme_that_is_mapped_to_no_id_is_dropped() -> None:
    ids = {phoneme: known if phoneme in "_^$ ." else [] for phoneme, known in ESPEAK["phoneme_id_map"].items()}
    assert phonemes_of(ESPEAK | {"phoneme_id_map": ids}, "Go.").dropped_share == 1


@pytest.mark.parametrize(
    ("phoneme", "expected"),
    [
        *((sound, True) for sound in ("a", "zh", "ŋ", "\u0306", "ː", "1", "\ue000", "ん")),
        *((pause, False) for pause in (" ", ".", "。", "ˈ", "\u0361", "\n", "\ud800", "—")),
    ],
)
def test_pauses_and_stress_are_no_sounds(phoneme: str, expected: bool) -> None:
    assert is_sound(phoneme) == expected


@pytest.mark.parametrize("text", ["...", "?!", "-"])
def test_nothing_is_said_by_a_text_without_sounds(text: str) -> None:
    assert phonemes_of(ESPEAK, text).dropped_share == 1


@pytest.mark.parametrize(
    ("config", "lines", "message"),
    [
        (with_letters(_UKRAINIAN), "Так.\nHello there.", "the voice has no phonemes for 100 % of sentence 2 (h, e,"),
        (with_letters("abcdefghijklmnopqrstuvwxyz"), "Двері.", "for 100 % of sentence 1 (д, в, е, р, і)"),
        (with_letters("abcdefghijklmnopqrstuvwxyz"), "a cafe\na çedilla", "of sentence 2 (\u0327)"),
        (with_letters("abc"), "...", "for sentence 1, which has no sounds"),
    ],
)
def test_a_file_that_the_voice_cannot_say_is_refused_with_what_is_dropped(
    config: dict[str, Any], lines: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.txt"
    path.write_text(lines, encoding="utf-8")
    for read in (texts_of_file, calibration_sentences):
        assert message in refusal(read, config, "xx", path, names=path)


def test_a_file_is_said_in_lower_case_by_a_voice_without_capital_letters(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("Так.\nДякую, друже!", encoding="utf-8")
    texts = texts_of_file(with_letters(_UKRAINIAN), "uk", path)
    assert texts.texts == {"line 1": "так.", "line 2": "дякую, друже!"}
    assert (texts.name, texts.kind, texts.note) == (
        "mine.txt in lower case",
        SentenceKind.FILE,
        "the voice has no capital letters",
    )
    texts = texts_of_file(ESPEAK, "en", path)
    assert (texts.name, texts.note) == ("mine.txt", "a file of the user")


def test_a_variant_is_checked_with_a_sentence_that_its_voice_can_say() -> None:
    assert check_sentence(ESPEAK, "1 2 3.").text == "1 2 3."
    config = with_letters(_UKRAINIAN)
    spoken = check_sentence(config, "1 2 3.")
    assert sum(map(is_sound, spoken.phonemes)) >= 4
    assert max(spoken.ids(config)) < len(config["phoneme_id_map"])


def test_pinyin_is_made_of_syllables_with_tones() -> None:
    config = ESPEAK | {"phoneme_type": "pinyin", "phoneme_id_map": {name: [1] for name in (*"_^$", *_PINYIN)}}
    for sentence in generate(config, [20, 60], "test"):
        assert set(sentence) <= set(_PINYIN)
        assert sum(phoneme in "12345" for phoneme in sentence) >= len(sentence) / 4


_PHONEMES = st.text(min_size=1, max_size=3) | st.sampled_from([*_UKRAINIAN, *ESPEAK["phoneme_id_map"], *_PINYIN])
_MAPS = st.dictionaries(_PHONEMES, st.lists(st.integers(0, 255), max_size=2), max_size=40)


@given(ids=_MAPS, kind=st.sampled_from(["espeak", "text", "pinyin", "hebrew", "japanese", "thai"]))
def test_any_map_with_sounds_becomes_sentences(ids: dict[str, list[int]], kind: str) -> None:
    config = {"phoneme_type": kind, "phoneme_id_map": ids}
    lengths = [1, 16, 160]
    if not any(is_sound(phoneme) for phoneme, known in ids.items() if known and phoneme not in "_^$"):
        with pytest.raises(InvalidInput, match="has no sounds"):
            generate(config, lengths, "test")
        return
    found = generate(config, lengths, "test")
    assert found == generate(json.loads(json.dumps(config)), lengths, "test")
    assert found == generate(config | {"phoneme_id_map": dict(reversed(ids.items()))}, lengths, "test")
    for sentence, length in zip(found, lengths, strict=True):
        assert all(ids[phoneme] for phoneme in sentence)
        assert length <= len(sentence) <= length + 20
        sounds = sum(map(is_sound, sentence))
        assert sounds >= max(1, len(sentence) / 4)
        assert not {"_", "^", "$"} & set(sentence)


@given(text=st.text(alphabet=_UKRAINIAN + "ABCabc .,!"))
def test_the_dropped_share_is_that_of_the_sounds(text: str) -> None:
    found = phonemes_of(with_letters(_UKRAINIAN), text)
    sounds = [phoneme for phoneme in found.all if is_sound(phoneme)]
    dropped = [phoneme for phoneme in sounds if phoneme in "ABCabc"]
    assert found.dropped_share == (len(dropped) / len(sounds) if sounds else 1)
    assert 0 < MAX_DROPPED < 0.1
