"""`core.assistant.changes`: what a configuration should contain; `core.assistant.loaded_model`: which voice it names."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from core.assistant.changes import Plan, coreml_errors, make_plan
from core.assistant.config import AssistantConfig, describe_unreachable, resolve_path, resolve_paths
from core.assistant.file import ConfigFile
from core.assistant.loaded_model import configured_voice, variant_at
from core.engines.names import BY_PROVIDER
from core.errors import InvalidInput
from core.files import sha256_of
from core.records.selection_warnings import SelectionWarning, WarningKind
from core.records.selections import CandidateStatus, Decision
from core.variants.checksums import checksum_of, write_manifest
from core.yaml_edit.scalar import Value
from tests.core.assistant.candidates import RECIPES, select, variant_of, voice_of

VOICE, QUANTIZED, COREML = (f"models.tts.piper.{name}_path" for name in ("voice", "quantized", "coreml"))
FALLBACK = "models.tts.piper.fallback_path"
SIZE = "voice_assistant.performance.tts_cache_size"
SWITCHES = [
    f"voice_assistant.performance.{name}"
    for name in ("tts_cache_enabled", "tts_parallel_processing", "tts_optimize_for_speed")
]
SOUND = {VOICE: "/v/original.onnx", SIZE: 100, **dict.fromkeys(SWITCHES, True)}


def plan(
    *candidates: str,
    current: dict[str, Value | None] | None = None,
    problems: dict[str, str] | None = None,
    use_selected: bool = False,
    performance: bool = False,
) -> Plan:
    names = [name.strip("+-") for name in candidates]
    voice = voice_of(*(variant_of(name) for name in names if name in RECIPES and name != "original"))
    values = SOUND if current is None else current
    paths = resolve_paths(values, Path("/etc"), [key for key in (VOICE, QUANTIZED, COREML, FALLBACK) if key in values])
    return make_plan(voice, select(*candidates), problems or {}, values, paths, use_selected, performance=performance)


def set_by(made: Plan) -> dict[str, Value]:
    return {change.key: change.new for change in made.changes}


@pytest.mark.parametrize(
    ("candidates", "path", "note"),
    [
        (["+static-int8", "dynamic-int8", "original"], "/v/static-int8.onnx", ""),
        (["+optimized", "dynamic-int8", "static-int8", "original"], "/v/dynamic-int8.onnx", ""),
        (["-static-int8", "int4", "+original"], "/v/int4.onnx", ""),
        (
            ["-static-int8", "-int4", "-dynamic-int8-guide", "+original"],
            None,
            "is left unchanged: static-int8 was rejected: a reason; int4 was rejected: a reason",
        ),
        (
            ["+optimized", "dynamic-int8-guide", "original"],
            None,
            "there is no quantized variant: ttsdash optimize --model amy --static --dynamic",
        ),
    ],
)
def test_the_quantized_path_is_the_first_quantized_variant_that_was_not_rejected(
    candidates: list[str], path: str | None, note: str
) -> None:
    made = plan(*candidates)
    assert set_by(made).get(QUANTIZED) == path
    assert [note in line for line in made.notes if line.startswith(QUANTIZED)] == ([True] if note else [])


@pytest.mark.parametrize(
    ("candidates", "problems", "path", "notes"),
    [
        (["+coreml", "original"], {}, "/v/coreml/body.mlpackage", ["contains only the flow and the decoder"]),
        (
            ["-coreml", "+original"],
            {},
            None,
            ["is left unchanged: coreml was rejected: a reason"],
        ),
        (
            ["coreml", "coreml+weights=int8", "+original"],
            {"coreml": "/v/coreml/x is not the file that was made"},
            "/v/coreml+weights=int8/body.mlpackage",
            ["contains only the flow and the decoder"],
        ),
        (["-coreml", "+original"], {"coreml": "it is missing"}, None, ["is left unchanged: it is missing"]),
        (["+original"], {}, None, ["there is no Core ML variant: ttsdash optimize --model amy --coreml"]),
    ],
)
def test_the_coreml_path_is_the_package_of_an_intact_variant(
    candidates: list[str], problems: dict[str, str], path: str | None, notes: list[str]
) -> None:
    made = plan(*candidates, problems=problems)
    assert set_by(made).get(COREML) == path
    said = [line for line in made.notes if line.startswith(COREML)]
    assert [note in line for note, line in zip(notes, said, strict=True)] == [True] * len(notes)


@pytest.mark.parametrize(
    ("reason", "names_caveat", "lines"),
    [("selected; converted, not yet run on a Mac", True, 1), ("a reason", False, 2)],
)
def test_the_caveat_of_a_package_appears_once(reason: str, names_caveat: bool, lines: int) -> None:
    voice = voice_of(replace(variant_of("coreml"), params={}))
    selection = replace(
        select("+original"), candidates=(Decision("coreml", CandidateStatus.ELIGIBLE, reason, names_caveat),)
    )
    notes = make_plan(voice, selection, {}, SOUND, resolve_paths(SOUND, Path("/etc")), False).notes
    assert "".join(notes).count("converted, not yet run on a Mac") == (0 if names_caveat else 1)
    assert len([line for line in notes if line.startswith(COREML)]) == lines


@pytest.mark.parametrize(
    ("candidates", "path", "note"),
    [
        (["+static-int8", "original"], "/v/static-int8.onnx", None),
        (["static-int8", "+original"], None, None),
        (
            ["+coreml", "-optimized", "int4", "original"],
            "/v/int4.onnx",
            "coreml is selected, but the assistant can load only a single .onnx file",
        ),
        (
            ["+coreml", "-original"],
            None,
            "is left unchanged: coreml is selected, and no variant that is a single .onnx file",
        ),
        (["static-int8", f"+{BY_PROVIDER}", "original"], None, "only with ONNX Runtime's Core ML provider"),
    ],
)
def test_the_voice_path_is_set_to_the_selected_variant_on_request(
    candidates: list[str], path: str | None, note: str | None
) -> None:
    made = plan(*candidates, use_selected=True)
    assert set_by(made).get(VOICE) == path
    said = [line for line in made.notes if line.startswith(VOICE)]
    assert [note in line for line in said] == [True] if note else said == []


def test_the_original_run_by_another_provider_is_set_by_its_file() -> None:
    made = plan("static-int8", f"+{BY_PROVIDER}", "original", use_selected=True, current={**SOUND, VOICE: "/other"})
    assert set_by(made)[VOICE] == "/v/original.onnx"


@pytest.mark.parametrize(
    ("current", "fallback", "goes_on_with"),
    [
        ("/v/original.onnx", None, "/v/original.onnx"),
        (None, "/v/b.onnx", "unset (it loads fallback_path)"),
        (None, None, "unset"),
        (None, "", "unset"),
        ("/v/static-int8.onnx", None, None),
    ],
)
def test_without_a_request_the_voice_path_stays_with_a_note(
    current: str | None, fallback: str | None, goes_on_with: str | None
) -> None:
    made = plan("+static-int8", "original", current={**SOUND, VOICE: current, FALLBACK: fallback})
    assert VOICE not in set_by(made)
    said = [line for line in made.notes if line.startswith("the assistant")]
    assert said == (
        [f"the assistant loads only {VOICE}, which stays {goes_on_with}: --use-selected sets it to /v/static-int8.onnx"]
        if goes_on_with
        else []
    )


@pytest.mark.parametrize(
    ("old", "stays"),
    [
        (100, True),
        (1, True),
        (4096, True),
        ("250", True),
        (0, False),
        ("0", False),
        (-5, False),
        ("1.5", False),
        (True, False),
        ("many", False),
        (None, False),
    ],
)
def test_a_cache_size_that_is_a_positive_integer_stays(old: Value | None, stays: bool) -> None:
    made = plan("+original", current={**SOUND, SIZE: old}, performance=True)
    assert set_by(made) == ({} if stays else {SIZE: 100})


@pytest.mark.parametrize(
    ("old", "stays"),
    [
        *((old, True) for old in (True, "true", "Yes", "ON", "1", 1)),
        *((old, False) for old in (False, "no", 0, "", None)),
    ],
)
def test_a_switch_that_means_true_stays(old: Value | None, stays: bool) -> None:
    for key in SWITCHES:
        made = plan("+original", current={**SOUND, key: old}, performance=True)
        assert set_by(made) == ({} if stays else {key: True})


def test_the_performance_keys_are_set_only_on_request() -> None:
    assert set_by(plan("+original", current={VOICE: "/v/original.onnx"})) == {}
    assert list(set_by(plan("+original", current={VOICE: "/v/original.onnx"}, performance=True))) == [SIZE, *SWITCHES]


def test_in_the_file_of_another_assistant_only_the_key_of_the_voice_is_set() -> None:
    voice, values = voice_of(variant_of("static-int8"), variant_of("coreml")), {"tts.model": "/v/original.onnx"}
    paths = resolve_paths(values, Path("/etc"), values)
    arguments = voice, select("+static-int8", "coreml", "original"), {}, values, paths
    made = make_plan(*arguments, use_selected=True, mapped_key="tts.model", performance=True)
    assert set_by(made) == {"tts.model": "/v/static-int8.onnx"}
    made = make_plan(*arguments, use_selected=False, mapped_key="tts.model")
    assert (set_by(made), len(made.notes)) == ({}, 1)
    assert made.notes[0].startswith("the assistant loads only tts.model, which stays /v/original.onnx")


def test_a_change_has_the_old_value_and_the_notes_include_the_warnings() -> None:
    voice = voice_of(variant_of("static-int8"))
    slower = SelectionWarning(WarningKind.SLOWER, "static-int8", "static-int8 is SLOWER")
    selection = select("+static-int8", "original", warnings=(slower,))
    values = {QUANTIZED: "/old", SIZE: 0}
    made = make_plan(voice, selection, {}, values, resolve_paths(values, Path("/etc")), False, performance=True)
    assert [(change.key, change.old, change.new) for change in made.changes] == [
        (QUANTIZED, "/old", "/v/static-int8.onnx"),
        (SIZE, 0, 100),
        *((key, None, True) for key in SWITCHES),
    ]
    assert made.notes[-1] == "static-int8 is SLOWER"


def test_a_path_to_the_same_file_stays(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "x").mkdir()
    (tmp_path / "models" / "small.onnx").touch()
    (tmp_path / "link.onnx").symlink_to("models/small.onnx")
    voice = voice_of(replace(variant_of("static-int8"), path=str(tmp_path / "models" / "small.onnx")))
    for value in ("models/small.onnx", "link.onnx", "../models/small.onnx", f"{tmp_path}/link.onnx"):
        current = {**SOUND, QUANTIZED: value}
        paths = resolve_paths(current, tmp_path / "x")
        assert make_plan(voice, select("+static-int8", "original"), {}, current, paths, False).changes == ()


def test_the_files_of_a_package_are_verified(tmp_path: Path) -> None:
    folder = tmp_path / "coreml"
    folder.mkdir()
    (folder / "front.onnx").write_bytes(b"front")
    write_manifest(folder)
    variant = replace(variant_of("coreml"), path=str(folder), sha256=checksum_of(folder))
    voice = voice_of(variant)
    assert coreml_errors(voice) == {}
    assert coreml_errors(voice_of(replace(variant, sha256="b" * 64))) == {
        "coreml": f"checksum differs: {folder} is not the file that was made"
    }
    (folder / "front.onnx").write_bytes(b"other")
    assert coreml_errors(voice) == {"coreml": f"checksum differs: {folder}/front.onnx is not the file that was made"}
    (folder / "front.onnx").unlink()
    assert coreml_errors(voice) == {"coreml": f"missing: {folder}/front.onnx"}


def test_a_path_is_resolved_next_to_the_configuration_then_in_the_parent_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path.resolve()
    monkeypatch.setenv("HOME", str(root / "me"))
    for name in ("config/a.onnx", "a.onnx", "b.onnx"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    (root / "blob").touch()
    (root / "c.onnx").symlink_to("blob")
    for value, path in {
        "a.onnx": "config/a.onnx",
        "b.onnx": "b.onnx",
        "../b.onnx": "b.onnx",
        "c.onnx": "c.onnx",
        "d.onnx": "config/d.onnx",
        "~/a.onnx": "me/a.onnx",
        f"{root}/x.onnx": "x.onnx",
    }.items():
        assert resolve_path(value, root / "config") == root / path


@pytest.mark.parametrize("value", [None, 5, True, "", "  ", "a\0b", "~nobody-here/x", "x" * 5000])
def test_an_invalid_path_is_not_resolved(value: Value | None, tmp_path: Path) -> None:
    assert resolve_path(value, tmp_path) is None


def test_a_variant_is_found_by_its_path_also_through_a_link(tmp_path: Path) -> None:
    voice, link = voice_of(variant_of("static-int8")), tmp_path / "link.onnx"
    link.symlink_to("/v/static-int8.onnx")
    assert variant_at([voice], link) == (voice, voice.variants[1])
    assert variant_at([voice], Path("/v/original.onnx")) == (voice, voice.variants[0])
    assert variant_at([voice], Path("/v/other.onnx")) is None


def test_a_variant_is_found_by_a_copy_and_by_a_file_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "made.onnx").write_bytes(b"model")
    (tmp_path / "copy.onnx").write_bytes(b"model")
    made = replace(
        variant_of("static-int8"), path=str(tmp_path / "made.onnx"), sha256=sha256_of(tmp_path / "made.onnx")
    )
    voice = voice_of(made, variant_of("coreml"))
    assert variant_at([voice], tmp_path / "copy.onnx") == (voice, made)
    assert variant_at([voice], Path("/v/coreml/body.mlpackage")) == (voice, voice.variants[2])
    (tmp_path / "copy.onnx").write_bytes(b"another")
    assert variant_at([voice], tmp_path / "copy.onnx") is None


NO_KEYS = "has none of the keys that ttsdash knows (voice_path, quantized_path, coreml_path, fallback_path below models.tts.piper)"


def config(text: str) -> AssistantConfig:
    return AssistantConfig.parse(ConfigFile(Path("/etc/assistant.yaml"), Path("/etc/assistant.yaml"), text.encode()))


@pytest.mark.parametrize(
    ("piper", "key", "path"),
    [
        ("{voice_path: /v/a.onnx, fallback_path: /v/b.onnx}", VOICE, "/v/a.onnx"),
        ("{voice_path: , fallback_path: /v/b.onnx}", "models.tts.piper.fallback_path", "/v/b.onnx"),
        ("{voice_path: '', fallback_path: /v/b.onnx}", "models.tts.piper.fallback_path", "/v/b.onnx"),
        ("{fallback_path: /v/b.onnx}", "models.tts.piper.fallback_path", "/v/b.onnx"),
        ("{voice_path: /v/original.onnx}", VOICE, "/v/original.onnx"),
    ],
)
def test_the_voice_that_a_configuration_names(piper: str, key: str, path: str) -> None:
    text = f"models: {{tts: {{piper: {piper}}}}}"
    assert configured_voice(config(text), [voice_of()]) == (key, Path(os.path.realpath("/v")) / Path(path).name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "models: {tts: {piper: {voice_path: }}}",
            f"no voice in /etc/assistant.yaml: neither {VOICE} nor models.tts.piper.fallback_path is set (add one with: ",
        ),
        (
            "{a: 1, tts: {model: x.onnx}}",
            f"/etc/assistant.yaml {NO_KEYS}; say which key names the voice, with --voice-key KEY: tts.model",
        ),
        (
            "models: {tts: {piper: {voice: x.onnx}}}",
            f"/etc/assistant.yaml {NO_KEYS}; say which key names the voice, with --voice-key KEY: models.tts.piper.voice",
        ),
        (
            "tts: {voices: [{path: '/v/a b.onnx'}]}",
            f"/etc/assistant.yaml {NO_KEYS}; --voice-key cannot name tts.voices[0].path (in a list, line 1): "
            "add the voice with: ttsdash voices add '/v/a b.onnx'",
        ),
        (
            "models: {tts: {piper: {voice_path: /v/static-int8.onnx}}}",
            f"{VOICE} of /etc/assistant.yaml is /v/static-int8.onnx, a variant made by ttsdash: static-int8 of amy, which",
        ),
    ],
)
def test_a_configuration_that_names_no_voice_or_a_variant_is_refused(text: str, expected: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        configured_voice(config(text), [voice_of(variant_of("static-int8"))])
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("tts.model", None),
        ("tts.empty", None),
        ("tts.rate", "tts.rate is 1.0, not the path of an .onnx file"),
        ("tts.name", "tts.name is joe, not the path of an .onnx file"),
        ("tts", "tts is not a single value"),
        ("tts.voice", "there is no key tts.voice"),
        ("", "there is no key "),
    ],
)
def test_only_a_key_that_could_name_the_voice_is_accepted(key: str, problem: str | None) -> None:
    read = config(
        "tts: {model: /v/a.onnx, rate: 1.0, name: joe, empty: }\nlist: [{model: /v/b.onnx}]\nf.g: /v/c.onnx\n"
    )
    assert not read.is_understood
    if problem is None:
        read.require_voice_key(key)
    else:
        with pytest.raises(InvalidInput) as caught:
            read.require_voice_key(key)
        assert str(caught.value) == (
            f"/etc/assistant.yaml: {problem} (keys with a path to one: tts.model; --voice-key cannot name "
            "list[0].model (in a list, line 2), 'f.g' (under a name with a dot, line 3))"
        )


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("", False),
        ("models: {tts: {piper: }}", False),
        ("models: {tts: {piper: {}}}", False),
        ("models: {tts: {piper: /v/a.onnx}}", False),
        ("models: {tts: {piper: [voice_path]}}", False),
        ("models: {tts: {piper: {voice: /v/a.onnx}}}", False),
        ("voice_assistant: {performance: {tts_cache_size: 1}}", False),
        ("models: {tts: {piper: {voice_path: }}}", True),
        ("models: {tts: {piper: {fallback_path: /v/a.onnx}}}", True),
        ("models: {tts: {piper: {quantized_path: /v/a.onnx}}}", True),
        ("models: {tts: {piper: {coreml_path: /v/a}}}", True),
        ("base: &base {voice_path: /v/a.onnx}\nmodels: {tts: {piper: *base}}", True),
    ],
)
def test_a_file_is_understood_if_it_has_a_key_that_the_assistant_reads(text: str, understood: bool) -> None:
    assert config(text).is_understood == understood


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("tts: [/v/a.onnx]", "tts[0] (in a list, line 1)"),
        ("[/v/a.onnx]", "[0] (in a list, line 1)"),
        (
            "tts: {voices: [/v/a.onnx, {path: /v/b.onnx}, x, {y: z}]}",
            "tts.voices[0] (in a list, line 1), tts.voices[1].path (in a list, line 1)",
        ),
        ("tts.model: /v/a.onnx", "'tts.model' (under a name with a dot, line 1)"),
        ("a:\n  b.c:\n    d: /v/a.onnx", "a.'b.c'.d (under a name with a dot, line 3)"),
        ("a: &m /v/a.onnx\nb: *m", "a (used in several places, & and *, line 1)"),
        ("a: &m {model: /v/a.onnx}\nb: {<<: *m}", "a.model (used in several places, & and *, line 1)"),
        ("a: {<<: {model: /v/a.onnx}}", "a.<<.model (merged, <<, line 1)"),
        ("? [a]\n: /v/a.onnx", "? (under a key that is not a name, line 2)"),
        (f"a: [{', '.join(f'/v/{n}.onnx' for n in range(9))}]", "a[2] (in a list, line 1), 6 more"),
    ],
)
def test_a_model_that_no_key_can_name_is_shown_with_its_place(text: str, where: str) -> None:
    read = config(text)
    assert (read.model_keys, read.is_understood) == ({}, False)
    assert describe_unreachable(read.unreachable_models).endswith(where)
