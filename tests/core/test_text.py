"""`core.text` makes text from outside safe to show and to name files by, and reads amounts; `core.errors` makes lines."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput, format_error
from core.text import escape_control, match_name, parse_megabytes, safe_name


@given(text=st.text())
def test_a_safe_name_is_one_path_component_that_is_not_hidden(text: str) -> None:
    name = safe_name(text, fallback="voice")
    assert name
    assert "/" not in name
    assert "\0" not in name
    assert not name.startswith((".", "-"))
    assert len(name.encode()) <= 120
    assert escape_control(name) == name
    assert safe_name(name, fallback="voice") == name or len(name.encode()) > 110


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("en_US-joe-medium", "en_US-joe-medium"),
        ("int8+flow.v2", "int8+flow.v2"),
        ("", "fallback"),
        (".", "fallback"),
        ("..", "fallback"),
        ("---", "fallback"),
        ("../../etc/passwd", "etc-passwd"),
        ("/etc/passwd", "etc-passwd"),
        ("a\nb", "a-b"),
        ("a\x1b[31mb", "a-31mb"),
        ("-rf", "rf"),
        ("e\u0301te\u0301", "été"),
        ("x" * 200, "x" * 120),
        ("字" * 80, "字" * 40),
    ],
    ids=repr,
)
def test_names_are_made_safe(text: str, name: str) -> None:
    assert safe_name(text, fallback="fallback") == name


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("amy", ["amy", "AMY"], "amy"),
        ("Amy", ["amy", "AMY"], None),
        ("Amy", ["AMY", "bob"], "AMY"),
        ("É", ["e\u0301"], "e\u0301"),
        ("amy", ["amy-2"], None),
        ("amy", [], None),
    ],
)
def test_a_name_is_matched_exactly_else_in_another_case(name: str, known: list[str], meant: str | None) -> None:
    assert match_name(name, known) == meant


@given(text=st.text())
def test_printable_text_cannot_steer_a_terminal(text: str) -> None:
    shown = escape_control(text)
    assert not [char for char in shown if unicodedata.category(char)[0] == "C"]
    assert len(shown) >= len(text)
    assert escape_control(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – ü 漢", "plain – ü 漢"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\x9b31m", "\\x9b31m"),
        ("\ud800", "\\ud800"),
    ],
)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    assert escape_control(text) == shown


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InvalidInput("no such voice"), "no such voice"),
        (ValueError("a\n  b"), "ValueError: a b"),
        (KeyError(), "KeyError"),
        (InvalidInput("x" * 400), "x" * 299 + "…"),
    ],
)
def test_an_error_is_one_line(error: Exception, line: str) -> None:
    assert format_error(error) == line


@pytest.mark.parametrize(
    ("text", "megabytes"),
    [
        ("800 MB", 800),
        ("800MB", 800),
        (" 800 mb ", 800),
        ("4 GB", 4000),
        ("4gb", 4000),
        ("1.5 GB", 1500),
        ("0.5 MB", 0.5),
        ("1000000 GB", 1e9),
    ],
)
def test_an_amount_of_memory_is_read(text: str, megabytes: float) -> None:
    assert parse_megabytes(text) == megabytes


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "800", "MB", "4 G", "4 GiB", "4 TB", "800 M B", "-4 GB", "4,5 GB", "1e3 MB", "nan MB", "4 GB.."),
        *("0 MB", "0.0 GB", "1000001 GB", f"{'9' * 400} MB"),
    ],
)
def test_what_is_no_amount_of_memory_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount of memory: write 800 MB or 4 GB") as caught:
        parse_megabytes(text)
    assert str(caught.value).startswith(repr(text))


@given(number=st.integers(1, 10**6), unit=st.sampled_from(["MB", "GB"]), between=st.sampled_from(["", " ", "\t"]))
def test_every_amount_that_is_written_with_its_unit_is_read(number: int, unit: str, between: str) -> None:
    assert parse_megabytes(f"{number}{between}{unit}") == number * (1000 if unit == "GB" else 1)


@given(text=st.text(st.sampled_from("0123456789. MGBTmgb%-"), max_size=12) | st.text())
def test_whatever_is_written_an_amount_of_memory_is_one_or_is_refused(text: str) -> None:
    try:
        assert 0 < parse_megabytes(text) <= 1e9
    except ValueError as error:
        assert repr(text) in str(error)
