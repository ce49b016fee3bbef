"""Statistics, verdicts, texts and summaries of benchmarks."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.benchmark import texts as texts_module
from core.benchmark.statistics import bootstrap_median, median, p90
from core.benchmark.texts import TextSet, texts_from, written_texts
from core.records.verdict import speed_verdict
from core.report.summary import summarize
from tests.core.refusals import refusal
from tests.factories import make_result, make_variant_result

_LANGUAGES = sorted(file.stem for file in (Path(texts_module.__file__).parent / "text_sets").glob("*.json"))


@pytest.mark.parametrize(
    ("values", "middle", "ninth_tenth"),
    [([5.0], 5, 5), ([1.0, 2.0], 1.5, 1.9), (list(range(11)), 5, 9), ([3.0, 1.0, 2.0], 2, 2.8)],
)
def test_median_and_90th_percentile(values: list[float], middle: float, ninth_tenth: float) -> None:
    assert (median(values), p90(values)) == pytest.approx((middle, ninth_tenth))


@given(ratios=st.lists(st.floats(0.1, 10), min_size=1, max_size=20))
def test_the_interval_contains_the_median_and_lies_within_the_samples(ratios: list[float]) -> None:
    middle, low, high = bootstrap_median(np.array(ratios))
    assert middle == pytest.approx(float(np.median(ratios)))
    assert min(ratios) - 1e-9 <= low <= middle <= high <= max(ratios) + 1e-9


def test_the_interval_is_reproducible_and_independent_of_the_order() -> None:
    ratios = np.random.default_rng(1).normal(1.5, 0.1, 10)
    assert bootstrap_median(ratios) == bootstrap_median(ratios.copy())
    assert bootstrap_median(ratios) == pytest.approx(bootstrap_median(ratios[::-1]), abs=0.02)


def test_the_interval_is_narrower_for_steadier_and_for_more_samples() -> None:
    random = np.random.default_rng(2)

    def width(spread: float, count: int) -> float:
        _, low, high = bootstrap_median(random.normal(1.0, spread, count))
        return high - low

    assert width(0.001, 10) < width(0.1, 10)
    assert width(0.1, 200) < width(0.1, 10)


def test_the_interval_covers_the_true_median_about_as_often_as_it_should() -> None:
    random = np.random.default_rng(3)
    intervals = [bootstrap_median(random.normal(1.0, 0.05, 10))[1:] for _ in range(60)]
    # The percentile bootstrap is a little narrow with ten samples.
    assert sum(low <= 1.0 <= high for low, high in intervals) >= 50


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((1.04, 1.10), "faster"),
        ((1.031, 1.10), "faster"),
        ((1.03, 1.10), "no difference"),
        ((0.99, 1.10), "no difference"),
        ((0.97, 1.03), "no difference"),
        ((0.90, 0.97), "no difference"),
        ((0.90, 0.969), "slower"),
        ((0.50, 0.60), "slower"),
        ((0.50, 2.00), "no difference"),
        ((1.0, 1.0), "no difference"),
    ],
)
def test_a_verdict_needs_the_whole_interval(interval: tuple[float, float], expected: str) -> None:
    assert speed_verdict(interval) == expected


def _written(language: str) -> TextSet:
    found = written_texts(language)
    assert found
    return found


@pytest.mark.parametrize("language", _LANGUAGES)
def test_each_language_has_a_short_a_medium_and_a_long_text(language: str) -> None:
    found = _written(language)
    assert (found.language, found.latency_text) == (language, "medium")
    assert list(found.texts) == ["short", "medium", "long"]
    short, medium, long = (len(text) for text in found.texts.values())
    assert 2 * short <= medium
    assert 1.5 * medium <= long <= 1000


def test_texts_of_different_languages_are_different() -> None:
    every = [text for language in _LANGUAGES for text in _written(language).texts.values()]
    assert len(set(every)) == 3 * len(_LANGUAGES)


@pytest.mark.parametrize(
    ("language", "family"),
    [
        ("en_US", "en"),
        ("en-gb-x-rp", "en"),
        ("de", "de"),
        ("DE_at", "de"),
        ("zh_CN", "zh"),
        ("cmn", "zh"),
        ("nb_NO", "no"),
    ],
)
def test_a_language_is_known_by_its_codes(language: str, family: str) -> None:
    found = _written(language)
    assert found.language == family
    assert found.name.startswith(f"{family} v")


@pytest.mark.parametrize("language", ["tlh", "", "_", "\0"])
def test_a_language_without_texts_gets_no_other_language(language: str) -> None:
    assert written_texts(language) is None


def test_a_file_of_texts_has_one_per_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("  A longer first line.  \n\n\tTwo.\r\nThe middle one.\n", encoding="utf-8")
    found = texts_from(path)
    assert found.texts == {"line 1": "A longer first line.", "line 2": "Two.", "line 3": "The middle one."}
    assert (found.name, found.latency_text) == ("mine.txt", "line 3")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read"),
        (b"", "has no text"),
        (b" \n\t\n\r\n", "has no text"),
        (b"caf\xe9\n", "not UTF-8"),
        (b"\x00\xff\xfe", "not UTF-8"),
        (b"short\n" + b"x" * 1001, "sentence 2 has more than 1000"),
    ],
)
def test_an_unusable_file_of_texts_is_refused(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    if content is not None:
        path.write_bytes(content)
    assert message in refusal(texts_from, path, names=path)


def test_a_folder_of_texts_is_refused(tmp_path: Path) -> None:
    assert "is not a text file" in refusal(texts_from, tmp_path, names=tmp_path)


@given(text=st.text(min_size=1, max_size=50))
def test_any_text_becomes_sentences_or_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "any.txt"
    path.write_bytes(text.encode("utf-8", "ignore"))
    if path.read_text(encoding="utf-8").strip():
        assert all(line.strip() for line in texts_from(path).texts.values())
    else:
        refusal(texts_from, path, names=path)


ORIGINAL = make_result()
VARIANT = make_variant_result()
UNTIMED: dict[str, object] = {
    "engine": "coreml-evaluated",
    "speedup": None,
    "speedup_ci": None,
    "verdict": None,
    "peak_rss_mb": None,
    "unmeasured": {"speedup": "it needs macOS; converted, not yet run on a Mac"},
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verdict": "faster", "speedup": 1.5, "speedup_ci": (1.4, 1.6)}, "It is faster than the original at 1 thread"),
        ({"verdict": "faster", "speedup": 1.5, "speedup_ci": (1.4, 1.6)}, "(1.50x, 95 % interval 1.40–1.60)"),
        (UNTIMED, "Speed and memory were not measured: it needs macOS; converted, not yet run on a Mac."),
        (UNTIMED, "75 % smaller than the original. "),
        (UNTIMED, "Evaluated without Core ML, it sounds like the original"),
        ({"verdict": "slower", "speedup": 0.4, "speedup_ci": (0.3, 0.5)}, "It is slower than the original"),
        ({"verdict": "no difference"}, "It is no faster or slower than the original"),
        ({"threads": 4, "verdict": "no difference"}, "the original at 4 threads"),
        ({"grade": "transparent"}, "It sounds like the original"),
        ({"grade": "slight", "mel_db": 2.0}, "It sounds slightly different from the original (mel distance 2.0 dB"),
        ({"grade": "noticeable"}, "It sounds clearly worse than the original"),
        (
            {"grade": "broken", "mel_db": 2.0, "tone_db": 16.7, "tone_hz": 5512.5},
            "It sounds broken (mel distance 2.0 dB, duration drift 0.0 %, a tone of 17 dB at 5512 Hz).",
        ),
        ({"pesq": 4.12, "worst_pesq": 3.57, "worst_text": "numbers"}, "(PESQ 4.1 of 4.6, worst 3.6 (numbers), mel"),
        ({"pesq": 4.12}, "(PESQ 4.1 of 4.6, mel"),
        ({"grade": "slight", "mel_db": 2.0, "tone_db": 5.9, "tone_hz": 86.1}, "duration drift 0.0 %)."),
        ({"grade": "broken", "mel_db": None}, "It sounds broken (no mel distance"),
        ({"grade": None, "duration_drift_pct": None}, "It was not graded"),
        ({"duration_drift_pct": 12.3}, "duration drift 12.3 %"),
        ({"defects": {"clipped": 2, "silent": 0, "not_finite": 1}}, "2 texts clipped, 1 text not finite"),
    ],
)
def test_results_are_summarized_in_words(changes: dict[str, object], message: str) -> None:
    found = summarize([ORIGINAL, replace(VARIANT, **changes)])
    assert list(found.variants) == ["small"]
    assert message in found.variants["small"]
    assert found.lines() == [f"small: {found.variants['small']}"]
    assert "\n" not in found.lines()[0]


@pytest.mark.parametrize(
    ("size_bytes", "message"),
    [
        (250, "The file is 75 % smaller than the original; peak memory is 50 % of the original's."),
        (1000, "The file is as large as the original"),
        (1500, "The file is 50 % larger"),
    ],
)
def test_the_size_is_compared_with_the_original(size_bytes: int, message: str) -> None:
    assert message in summarize([ORIGINAL, replace(VARIANT, size_bytes=size_bytes)]).variants["small"]


def test_all_thread_counts_of_a_variant_are_on_one_line() -> None:
    wide = replace(VARIANT, threads=4, verdict="slower", speedup=0.8, speedup_ci=(0.7, 0.9))
    fast = replace(VARIANT, verdict="faster", speedup=1.2, speedup_ci=(1.1, 1.3))
    (line,) = summarize([ORIGINAL, replace(ORIGINAL, threads=4), fast, wide]).lines()
    assert "faster than the original at 1 thread" in line
    assert "slower than the original at 4 threads" in line


def test_texts_that_are_not_those_of_the_voices_language_are_noted_once() -> None:
    generated = {"text_set": "generated v1", "text_set_note": "from its phonemes"}
    found = summarize([replace(ORIGINAL, **generated), replace(VARIANT, **generated)])
    assert found.notes == ("Texts: generated v1 (from its phonemes).",)
    assert summarize([ORIGINAL, VARIANT]).notes == ()


def test_each_variant_has_a_line_and_the_original_none() -> None:
    found = summarize([ORIGINAL, VARIANT, replace(VARIANT, variant="other")])
    assert list(found.variants) == ["small", "other"]
    assert [line.split(":")[0] for line in found.lines()] == ["small", "other"]
    assert [line.split(":")[0] for line in found.lines("other")] == ["other"]
    assert summarize([ORIGINAL]).lines() == []


def test_without_the_original_the_size_is_not_compared() -> None:
    (line,) = summarize([VARIANT]).lines()
    assert "The file" not in line
    assert "sounds like the original" in line


def test_a_noisy_run_has_a_note() -> None:
    found = summarize([replace(ORIGINAL, noisy=True), replace(VARIANT, noisy=True)])
    assert len(found.lines()) == len(found.lines("small")) == 2
    assert found.lines("no such variant") == list(found.notes)
    assert "Noisy run" in found.notes[0]


def test_a_variant_named_like_the_start_of_another_line_keeps_its_line() -> None:
    names = ("The machine ", "small", "small: it")
    found = summarize([ORIGINAL, *(replace(VARIANT, variant=name) for name in names)])
    for name in names:
        assert found.lines(name) == [f"{name}: {found.variants[name]}"]


def test_text_sets_are_plain_json_with_a_version() -> None:
    for file in Path(texts_module.__file__).parent.glob("text_sets/*.json"):
        assert set(json.loads(file.read_text(encoding="utf-8"))) == {"version", "texts"}
