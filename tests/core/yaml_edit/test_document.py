"""`core.yaml_edit.document`: set keys in a YAML text and leave every other byte unchanged."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from core.errors import InvalidInput
from core.yaml_edit.diff import unified_diff
from core.yaml_edit.document import Document, NoSafeEdit
from core.yaml_edit.scalar import Value, format_scalar
from tests.core.refusals import refusal

NAME = Path("/etc/assistant.yaml")
VOICE = "models.tts.piper.voice_path"
QUANTIZED = "models.tts.piper.quantized_path"
COREML = "models.tts.piper.coreml_path"
SIZE = "voice_assistant.performance.tts_cache_size"
ENABLED = "voice_assistant.performance.tts_cache_enabled"
WANTED: dict[str, Value] = {QUANTIZED: "/x/static.onnx", COREML: "/x/a b/body.mlpackage", SIZE: 100, ENABLED: True}

ASSISTANT = """\
# MacBot
audio:
  devices:
  - "Built-in"
  - 'it''s
    two lines'
  yes: no   # as it is
models:
  llm: &big {path: /llm, layers: [1, 2]}
  tts:
    piper:
      voice_path: "/v/amy/model.onnx"   # the voice
      quantized_path: '/v/amy/old.onnx'
      sample_rate: 22050
      # reload_sec: 5

  vision: *big
prompt: |
  You are a bot.
  # This is no comment.

voice_assistant:
  performance:
    tts_cache_enabled: "false"
  # the end
"""

EDITED = """\
# MacBot
audio:
  devices:
  - "Built-in"
  - 'it''s
    two lines'
  yes: no   # as it is
models:
  llm: &big {path: /llm, layers: [1, 2]}
  tts:
    piper:
      voice_path: "/v/amy/model.onnx"   # the voice
      quantized_path: '/x/static.onnx'
      sample_rate: 22050
      coreml_path: '/x/a b/body.mlpackage'
      # reload_sec: 5

  vision: *big
prompt: |
  You are a bot.
  # This is no comment.

voice_assistant:
  performance:
    tts_cache_enabled: true
    tts_cache_size: 100
  # the end
"""


def edited(text: str, values: dict[str, Value]) -> str:
    return Document(text, str(NAME)).with_values(values)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=repr)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "BOM"])
def test_keys_are_set_and_everything_else_stays_with_any_line_breaks(newline: str, mark: str) -> None:
    before, after = (mark + text.replace("\n", newline) for text in (ASSISTANT, EDITED))
    assert edited(before, WANTED) == after
    assert edited(after, WANTED) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "models:\n  tts:\n    piper:\n      voice_path: /v\n"),
        ("\ufeff", "\ufeffmodels:\n  tts:\n    piper:\n      voice_path: /v\n"),
        ("# only this", "# only this\nmodels:\n  tts:\n    piper:\n      voice_path: /v"),
        ("# only this\r\n", "# only this\r\nmodels:\r\n  tts:\r\n    piper:\r\n      voice_path: /v\r\n"),
        ("---\n...\n", "---\nmodels:\n  tts:\n    piper:\n      voice_path: /v\n...\n"),
        ("{}\n", "{models: {tts: {piper: {voice_path: /v}}}}\n"),
        ("null # nothing\n", "{models: {tts: {piper: {voice_path: /v}}}} # nothing\n"),
        ("a: 1", "a: 1\nmodels:\n  tts:\n    piper:\n      voice_path: /v"),
        ("a:\n    b: 1\n", "a:\n    b: 1\nmodels:\n    tts:\n        piper:\n            voice_path: /v\n"),
        ("models:\nz: 1\n", "models:\n  tts:\n    piper:\n      voice_path: /v\nz: 1\n"),
        ("models: ~\n", "models: {tts: {piper: {voice_path: /v}}}\n"),
        ("models: {}\n", "models: {tts: {piper: {voice_path: /v}}}\n"),
        ("models: {tts: }\n", "models: {tts: {piper: {voice_path: /v}} }\n"),
        ("models: {tts: {piper: {x: 1}}} # c\n", "models: {tts: {piper: {x: 1, voice_path: /v}}} # c\n"),
        ("models: {tts: {piper: {x: 1,}}}\n", "models: {tts: {piper: {x: 1, voice_path: /v,}}}\n"),
        ('{"models":{"tts":{"piper":{"voice_path":"x"}}}}', '{"models":{"tts":{"piper":{"voice_path":"/v"}}}}'),
        ('models: {tts: {piper: {"voice_path":}}}\n', 'models: {tts: {piper: {"voice_path": /v}}}\n'),
        ("models:\n  tts: # c\n  # d\nz: 1\n", "models:\n  tts: # c\n    piper:\n      voice_path: /v\n  # d\nz: 1\n"),
        ("models: &m\n  tts: &t\nz: 1\n", "models: &m\n  tts: &t {piper: {voice_path: /v}}\nz: 1\n"),
        (
            "models:\n  l:\n  - a\n  -\nz: 1\n",
            "models:\n  l:\n  - a\n  -\n  tts:\n    piper:\n      voice_path: /v\nz: 1\n",
        ),
    ],
    ids=repr,
)
def test_missing_keys_are_added_where_they_belong(before: str, after: str) -> None:
    assert edited(before, {VOICE: "/v"}) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("k: old # c\n", "k: /v/new # c\n"),
        ("k:   'old'  # c\n", "k:   '/v/new'  # c\n"),
        ('k: "old"\n', 'k: "/v/new"\n'),
        ("k:\n", "k: /v/new\n"),
        ("k:   # c\n\nz: 1\n", "k: /v/new   # c\n\nz: 1\n"),
        ("k: null\n", "k: /v/new\n"),
        ("k: &a old\n", "k: &a /v/new\n"),
        ("k: !env OLD\n", "k: /v/new\n"),
        ("k: !!python/object/apply:os.abort []\nz: 1\n", None),
        ("k: two\n  lines # c\nz: 1\n", "k: /v/new # c\nz: 1\n"),
        ("k: 'two\n\n  lines'\nz: 1\n", "k: '/v/new'\nz: 1\n"),
        ("k: >-  # c\n  two\n  lines\n\n# d\nz: 1\n", "k: /v/new # c\n\n# d\nz: 1\n"),
        ("? k\n: old\n", "? k\n: /v/new\n"),
        ("k: {a: 1}\n", None),
    ],
    ids=repr,
)
def test_a_replaced_value_keeps_its_quotes(before: str, after: str | None) -> None:
    if after is None:
        with pytest.raises(InvalidInput, match="make it a single value"):
            edited(before, {"k": "/v/new"})
    else:
        assert edited(before, {"k": "/v/new"}) == after


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (100, "100"),
        ("/a/b-c_d.onnx", "/a/b-c_d.onnx"),
        ("/ä/漢.onnx", "/ä/漢.onnx"),
        ("/a b", "'/a b'"),
        ("/it's", "'/it''s'"),
        ("/a: b # c", "'/a: b # c'"),
        ("/a,b]", "'/a,b]'"),
        ("true", "'true'"),
        ("", "''"),
        ('/a\nb\\"', '"/a\\x0ab\\\\\\""'),
        ("/\u202e\udcff\U000e0001", '"/\\u202e\\udcff\\U000e0001"'),
    ],
)
def test_a_value_is_written_so_that_every_yaml_version_reads_it(value: Value, text: str) -> None:
    assert format_scalar(value) == text
    assert edited(f"k: {text}\n", {"k": value}) == f"k: {text}\n"


@given(value=st.text(max_size=8), style=st.sampled_from([None, "'", '"']))
def test_any_string_survives_a_round_trip(value: str, style: str | None) -> None:
    assert loaded(f"k: {format_scalar(value, style)}")["k"] == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("models: [a]\n", f"models is not a mapping (line 1), so {VOICE} cannot be set"),
        ("a: 1\nmodels:\n  tts: piper\n", f"models.tts is not a mapping (line 3), so {VOICE} cannot be set"),
        ("- a\n", "its top level is not a mapping (line 1)"),
        ("just words\n", "its top level is not a mapping (line 1)"),
        ("models:\n  tts: &a {piper: {}}\n  other: *a\n", "one value in several places (line 2, & and *)"),
        ("x: &a {tts: {}}\nmodels: *a\n", "one value in several places (line 2, & and *)"),
        ("x: &a /v\nmodels: {tts: {piper: {voice_path: *a}}}\n", "one value in several places (line 2, & and *)"),
        ("x: &a {tts: {}}\nmodels:\n  <<: *a\n", f"merges tts into line 3 (<<), so {VOICE} cannot be set"),
        ("x: &a {tts: {}}\nmodels:\n  <<: [*a]\n", "merges tts into line 3"),
        ("models: {}\nx: 1\nmodels: {}\n", "sets models twice (line 3): remove one"),
        ("models:\n  tts: {piper: {voice_path: [x]}}\n", f"{VOICE} is a list (line 2): make it a single value"),
        ("a: 1\n---\nb: 2\n", "contains several YAML documents (another begins in line 2)"),
        ("a: 1\nb: [\n", "is not YAML (line 3: "),
        ("a: *b\n", "is not YAML (line 1: *b refers to no anchor)"),
        ("a: 1\nb: \x07\n", "is not YAML (line 2: "),
        ("\ta: 1\n", "is not YAML (line 1: "),
        ('a: 1\nb: "\\U99999999"\n', "is not YAML (line 2: "),
        ("[" * 200, "has more than 100 levels (line 1)"),
    ],
    ids=repr,
)
def test_an_impossible_edit_is_refused_in_one_line(text: str, expected: str) -> None:
    assert expected in refusal(edited, text, {VOICE: "/v"}, names=NAME)


def test_a_key_next_to_a_merge_can_be_set() -> None:
    text = "x: &a {z: 1}\nmodels: {tts: {piper: {<<: *a, voice_path: x}}}\n"
    assert edited(text, {VOICE: "/v", QUANTIZED: "/q"}) == text.replace("x}}}", "/v, quantized_path: /q}}}")


@pytest.mark.parametrize("text", ["? models\n", "a: |+\n  x\n\n\n", "a: |\n  x"], ids=repr)
def test_without_a_safe_place_nothing_is_changed_and_the_keys_are_named(text: str) -> None:
    with pytest.raises(NoSafeEdit, match=f"{NAME} was not changed: .* no safe place for {VOICE}"):
        edited(text, {VOICE: "/v"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("k: /v", "/v"),
        ("k: 'a''b'", "a'b"),
        ("k: true", True),
        ("k: 'true'", "true"),
        ("k: yes", "yes"),
        ("k: 100", 100),
        ("k: '100'", "100"),
        ("k: 1.5", "1.5"),
        ("k: !x 1", "1"),
        ("k:", None),
        ("k: ~", None),
        ("k: [1]", None),
        ("j: 1", None),
        ("", None),
        ("- k", None),
        ("a: &a 5\nk: *a", 5),
        ("a: &a {k: 5}\n<<: *a", 5),
        ("a: &a {k: 5}\nb: &b {k: 6}\n<<: [*b, *a]", 6),
        ("a: &a {k: 5}\n<<: *a\nk: 7", 7),
        ("&a a: 1\n<<: &b {<<: *b}", None),
        ("k: 1\nk: 2", 2),
    ],
    ids=repr,
)
def test_a_value_is_read_as_yaml_defines_it(text: str, value: Value | None) -> None:
    read = Document(text, "x").value("k")
    assert (type(read), read) == (type(value), value)


def loaded(text: str) -> Any:
    """Parse a text with an independent reader."""
    return YAML(typ="safe", pure=True).load(text.removeprefix("\ufeff"))


def with_keys(data: Any, values: dict[str, Value]) -> Any:
    for key, value in values.items():
        *names, last = key.split(".")
        place = data
        for name in names:
            place[name] = place[name] if place.get(name) is not None else {}
            place = place[name]
        place[last] = value
    return data


SCALARS = [
    "",
    "1",
    "off",
    "plain words",
    "'quo''ted'",
    '"\\u00e9 \\" x"',
    "~",
    "!!str x",
    "2024-01-02",
    "🙂",
]
OTHERS = [
    "'no # comment'",
    "http://x:80/#y",
    "[a, {b: c}]",
    "{}",
    "{k: v}",
    "'two\n\n    lines'",
    "|\n  text\n  # no comment",
]
OTHERS += [">-\n  text\n\n  more", "\n- a\n- b: 1\n  c: 2"]
EMPTY = ["", "~", "{}", "{k: v}", "{k: v,}"]
COMMENTS = ["", "", "", " # said", "   #"]
ABOVE = ["", "", "", "# said\n", "\n", "  # said deep\n\n"]


@st.composite
def mappings(draw: st.DrawFn, paths: list[list[str]], depth: int = 0) -> str:
    """Draw the lines of a block mapping that has all, some or none of the keys of these paths."""
    wanted = [name for name in dict.fromkeys(path[0] for path in paths) if draw(st.integers(0, 3))]
    others = ["k0", "k1"][: draw(st.integers(0 if wanted else 1, 2))]
    return "\n".join(
        draw(st.sampled_from(ABOVE)) + name + ":" + draw(values([path[1:] for path in paths if path[0] == name], depth))
        for name in draw(st.permutations(wanted + others))
    )


@st.composite
def values(draw: st.DrawFn, paths: list[list[str]], depth: int) -> str:
    """Draw the value of a key that is wanted, is the parent of a wanted one, or is neither."""
    comment = draw(st.sampled_from(COMMENTS))
    if not any(paths):
        value = draw(st.sampled_from(SCALARS if paths else SCALARS + OTHERS))
        return f" {value}" if "\n" in value else f" {value}".rstrip() + comment
    if not draw(st.integers(0, 4)):
        return f" {draw(st.sampled_from(EMPTY))}".rstrip() + comment
    step = " " * draw(st.integers(1, 4))
    return f"{comment}\n{step}" + draw(mappings(paths, depth + 1)).replace("\n", f"\n{step}")


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Draw configurations as people write them: with all, some or none of the wanted keys, any line breaks, with or without a BOM."""
    text = draw(mappings([key.split(".") for key in (VOICE, *WANTED)])) + draw(st.sampled_from(["\n", "\nlast: 1"]))
    text = draw(st.sampled_from(["", "---\n", "# top\n\n"])) + text + draw(st.sampled_from(["", "\n# end", "\n\n"]))
    return draw(st.sampled_from(["", "\ufeff"])) + text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


@settings(max_examples=100)
@given(text=texts())
def test_everything_else_stays(text: str) -> None:
    after = edited(text, WANTED)
    assert loaded(after) == with_keys(loaded(text), WANTED)
    assert edited(after, WANTED) == after
    assert after.startswith("\ufeff") == text.startswith("\ufeff")
    assert after.endswith("\n") == text.endswith("\n")
    assert after.count("\r\n") == (after.count("\n") if "\r" in text else 0)
    # All lines are still there in the same order, except for the values of the keys that were set.
    later = iter(after.removeprefix("\ufeff").splitlines())
    for line in text.removeprefix("\ufeff").splitlines():
        assert any(same_line(line, other) for other in later), line


def same_line(old: str, new: str) -> bool:
    if old == new:
        return True
    key = old.partition(":")[0]
    wanted = key.strip() in {name for path in WANTED for name in path.split(".")}
    comment = old.partition(" #")[1:]
    return wanted and new.startswith(f"{key}:") and new.endswith("".join(comment))


FRAGMENTS = "models¦tts¦piper¦quantized_path¦voice_assistant¦:¦: ¦- ¦\n¦\n  ¦\n    ¦{¦}¦[¦]¦, ¦ # c¦|¦>-¦'¦\"¦&a ¦*a¦<<: *a¦!!str ¦? ¦~"
FRAGMENTS += "¦a¦---\n¦...\n¦%YAML 1.2\n¦\t¦\r\n¦\r¦\\U99999999¦\u2028¦\x85¦\ufeff¦\0¦%¦@¦`"


@settings(max_examples=100)
@given(text=st.lists(st.sampled_from(FRAGMENTS.split("¦")), max_size=20).map("".join))
def test_any_text_is_edited_correctly_or_refused(text: str) -> None:
    try:
        after = edited(text, WANTED)
    except (InvalidInput, NoSafeEdit):
        return
    assert [Document(after, "x").value(key) for key in WANTED] == list(WANTED.values())


def test_a_diff_splits_lines_at_line_feeds_only() -> None:
    assert unified_diff("a\r\nb\x0cc\u2028d\r\n", "a\r\nb\x0cc\u2028d\r\ne", "f") == [
        "--- f",
        "+++ f",
        "@@ -1,2 +1,3 @@",
        " a",
        " b\x0cc\u2028d",
        "+e",
        "\\ No newline at end of file",
    ]
    assert unified_diff("", "a\n", "f")[-2:] == ["@@ -0,0 +1 @@", "+a"]
    assert unified_diff("a\n", "a\n", "f") == []
