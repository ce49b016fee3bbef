"""Sentences are found as soon as they are whole, wherever the text is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve.sentences import SentenceStream, sentences_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  \n ", []),
        ("One.", ["One."]),
        ("First. Second! Third?", ["First.", "Second!", "Third?"]),
        ("Mr. Smith is here. He waits.", ["Mr. Smith is here.", "He waits."]),
        ("It costs 3.50 today.", ["It costs 3.50 today."]),
        ("No end", ["No end"]),
        ("Title\n\nText follows", ["Title", "Text follows"]),
        ("你好。再见！", ["你好。", "再见！"]),
    ],
)
def test_a_text_is_cut_into_its_sentences(text: str, expected: list[str]) -> None:
    assert sentences_of(text) == expected


def test_a_sentence_is_given_as_soon_as_the_next_one_begins() -> None:
    stream = SentenceStream()
    assert list(stream.add("It is ra")) == []
    assert list(stream.add("ining. Ta")) == ["It is raining."]
    assert list(stream.add("ke a coat.")) == []
    assert list(stream.finish()) == ["Take a coat."]


@given(st.lists(st.sampled_from(["One", " two", ". ", "Three", "!", "\n\n", " ", "Dr.", "4.5", ","])), st.data())
def test_it_makes_no_difference_where_a_text_is_cut(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    stream = SentenceStream()
    pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    found = [sentence for piece in pieces for sentence in stream.add(piece)] + list(stream.finish())
    assert "".join("".join(found).split()) == "".join("".join(sentences_of(text)).split())


@pytest.mark.parametrize("word", ["word, ", "word ", "w"])
def test_a_very_long_sentence_is_cut_at_the_best_place(word: str) -> None:
    text = (word * 1000).strip()
    parts = sentences_of(text)
    assert all(0 < len(part) <= 400 for part in parts)
    assert "".join(" ".join(parts).split()) == "".join(text.split())
    if word == "word, ":
        assert all(part.endswith(",") for part in parts[:-1])
