"""`core.voices.trial`: a voice speaks, or one cause is named, and its fix works."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from piper.voice import PiperVoice

from core.voices import trial
from core.voices.config import read_config
from core.voices.faults import CannotSpeak, Fault
from core.voices.file import config_path_of
from core.voices.trial import Spoken, try_voice
from tests.vits import HIGH, MULTI_SPEAKER, TINY, X_LOW, VitsShape, build_model, voice_config, write_voice

Config = dict[str, Any]
_MARKS = {"_": [0], "^": [1], "$": [2], " ": [3], ".": [4]}
_CYRILLIC = _MARKS | {letter: [number + 5] for number, letter in enumerate("абвгдежзиклмно")}


def attempt(path: Path, timeout_s: float = 60) -> Spoken:
    return try_voice(path, read_config(config_path_of(path)), timeout_s)


def refused(path: Path, timeout_s: float = 60) -> CannotSpeak:
    with pytest.raises(CannotSpeak) as caught:
        attempt(path, timeout_s)
    line = str(caught.value)
    assert line == f"{caught.value.problem}: {caught.value.fix}"
    assert line.splitlines() == [line]
    return caught.value


def write(folder: Path, shape: VitsShape, changes: Config) -> Path:
    path = write_voice(folder, shape)
    config_path_of(path).write_text(json.dumps(voice_config(shape) | changes))
    return path


@pytest.mark.parametrize(
    ("shape", "changes"),
    [
        (TINY, {}),
        (HIGH, {}),
        (X_LOW, {}),
        (MULTI_SPEAKER, {}),
        (MULTI_SPEAKER, {"default_speaker_id": 3, "speaker_id_map": {"a": 0, "b": 3, "c": None}}),
        (TINY, {"phoneme_type": "hebrew"}),
        (TINY, {"phoneme_type": "text"}),
        (TINY, {"inference": {"length_scale": 3.0}}),
        (TINY, {"inference": {"length_scale": 0.1}}),
        (TINY, {"espeak": {"voice": "ar"}}),
    ],
    ids=str,
)
def test_a_voice_speaks_a_sentence_of_plausible_length(shape: VitsShape, changes: Config, tmp_path: Path) -> None:
    assert 0.1 < attempt(write(tmp_path, shape, changes)).seconds < 10


def test_a_voice_that_reads_letters_but_no_digits_speaks_its_letters(tmp_path: Path) -> None:
    path = write(tmp_path, TINY, {"phoneme_type": "text", "phoneme_id_map": _CYRILLIC})
    assert attempt(path).text == "абвгдежзиклм."


@pytest.mark.parametrize(
    ("fault", "shape", "changes", "fix", "cure"),
    [
        (
            Fault.PHONEME_TYPE,
            TINY,
            {"phoneme_type": "PhonemeType.ESPEAK"},
            'set phoneme_type to "espeak"',
            {"phoneme_type": "espeak"},
        ),
        (Fault.PHONEME_TYPE, TINY, {"phoneme_type": None}, "one of espeak, text, ", {"phoneme_type": "text"}),
        (Fault.SCALE, TINY, {"inference": {"length_scale": 1e12}}, "remove length_scale from its inference", {"inference": {}}),
        (Fault.SCALE, TINY, {"inference": {"noise_w": 1e30, "noise_scale": 0.3}}, "remove noise_w from", {"inference": {"noise_scale": 0.3}}),
        (Fault.ESPEAK_VOICE, TINY, {"espeak": {"voice": "en_US"}}, "'en-us'", {"espeak": {"voice": "en-us"}}),
        (
            Fault.ESPEAK_VOICE,
            TINY,
            {"espeak": {"voice": "zh"}, "language": {"code": "zh_CN"}},
            "'cmn'",
            {"espeak": {"voice": "cmn"}},
        ),
        (Fault.ESPEAK_VOICE, TINY, {"espeak": {"voice": "a\0b"}, "language": None}, "'en-us'", {"espeak": {"voice": "en-us"}}),
        (Fault.MARKS, TINY, {"phoneme_id_map": {"n": [5], "_": [0]}}, "configuration of this model again", {"phoneme_id_map": {}}),
        (Fault.PHONEMES, TINY, {"phoneme_id_map": _MARKS}, "configuration of this model again", {"phoneme_id_map": {}}),
        (Fault.PHONEMES, TINY, {"phoneme_id_map": _CYRILLIC}, "configuration of this model again", {"phoneme_id_map": {}}),
        (Fault.SPEAKER_INPUT, MULTI_SPEAKER, {"num_speakers": 1}, "set num_speakers to 4", {"num_speakers": 4}),
        (Fault.SPEAKERS, MULTI_SPEAKER, {"num_speakers": 904}, "set num_speakers to 4", {"num_speakers": 4}),
        (Fault.DEFAULT_SPEAKER, MULTI_SPEAKER, {"default_speaker_id": 4}, "set default_speaker_id to 0", {"default_speaker_id": 0}),
        (Fault.DEFAULT_SPEAKER, MULTI_SPEAKER, {"default_speaker_id": None}, "set default_speaker_id to 0", {"default_speaker_id": 0}),
        (Fault.SPEAKER_MAP, MULTI_SPEAKER, {"speaker_id_map": {"a": 0, "b": 4}}, "remove it from speaker_id_map", {"speaker_id_map": {"a": 0}}),
        (Fault.RATE, TINY, {"audio": {"sample_rate": 192_000}}, "set audio.sample_rate to 22050", {"audio": {"sample_rate": 22_050}}),
        (Fault.RATE, TINY, {"audio": {"sample_rate": 1_000}}, "set audio.sample_rate to 22050", {"audio": {"sample_rate": 22_050}}),
        (
            Fault.RATE,
            X_LOW,
            {"audio": {"sample_rate": 192_000, "quality": "x_low"}},
            "set audio.sample_rate to 16000",
            {"audio": {"sample_rate": 16_000}},
        ),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_configuration_gets_its_cause_and_a_fix_that_works(
    fault: Fault, shape: VitsShape, changes: Config, fix: str, cure: Config, tmp_path: Path
) -> None:
    path = write(tmp_path, shape, changes)
    found = refused(path)
    assert (found.fault, found.is_of_files) == (fault, True)
    assert str(config_path_of(path)) in found.problem
    assert fix in found.fix
    attempt(write(tmp_path, shape, changes | cure))


@pytest.mark.parametrize(
    ("kind", "extra"), [("pinyin", "piper-tts[zh]"), ("japanese", "piper-tts[ja]"), ("thai", "piper-tts[th]")]
)
def test_phonemes_that_need_more_packages_get_the_command_that_installs_them(
    kind: str, extra: str, tmp_path: Path
) -> None:
    found = refused(write(tmp_path, TINY, {"phoneme_type": kind}))
    assert (found.fault, found.is_of_files) == (Fault.PACKAGES, False)
    assert found.fix.endswith(f"-m pip install '{extra}'")


def test_a_model_for_phonemes_is_not_downloaded_without_being_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("g2pw", "transformers", "sentence_stream", "unicode_rbnf"):
        (tmp_path / f"{name}.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = refused(write(tmp_path, TINY, {"phoneme_type": "pinyin"}))
    assert found.fault == Fault.RESOURCES
    assert "ChinesePhonemizer as P; P(" in found.fix
    assert not (tmp_path / "cache" / "ttsdash").exists()


def _last(model: onnx.ModelProto) -> onnx.NodeProto:
    """Return the node that makes the audio, under another name for its output."""
    node = next(node for node in model.graph.node if "output" in node.output)
    node.output[0] = "audio"
    return node


def _extra_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("lid", onnx.TensorProto.INT64, [1]))


def _other_type(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT32
    _, ids = model.graph.input[0].name, "wide"
    for node in model.graph.node:
        node.input[:] = [ids if name == "input" else name for name in node.input]
    model.graph.node.insert(0, helper.make_node("Cast", ["input"], [ids], to=onnx.TensorProto.INT64))


def _two_extra_inputs(model: onnx.ModelProto) -> None:
    _extra_input(model)
    model.graph.input.append(helper.make_tensor_value_info("did", onnx.TensorProto.INT64, [1]))


def _fixed_length(model: onnx.ModelProto) -> None:
    for dimension, size in zip(model.graph.input[0].type.tensor_type.shape.dim, (1, 50), strict=True):
        dimension.dim_value = size


def _two_channels(model: onnx.ModelProto) -> None:
    _last(model)
    model.graph.node.append(helper.make_node("Concat", ["audio", "audio"], ["output"], axis=1))


def _spectrogram(model: onnx.ModelProto) -> None:
    _last(model)
    model.graph.node.append(helper.make_node("Squeeze", ["audio"], ["frames"]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([80, 1], np.int64), "sizes"))
    model.graph.node.append(helper.make_node("Expand", ["frames", "sizes"], ["output"]))


def _latent(model: onnx.ModelProto) -> None:
    _spectrogram(model)
    model.graph.initializer[-1].CopyFrom(numpy_helper.from_array(np.array([192, 1], np.int64), "sizes"))


def _as_type(number_type: int) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        _last(model)
        model.graph.node.append(helper.make_node("Cast", ["audio"], ["output"], to=number_type))
        model.graph.output[0].type.tensor_type.elem_type = number_type

    return change


def _offset(model: onnx.ModelProto) -> None:
    """Add a constant beside which the speech is less than a step of 16 bits."""
    _scaled(1e-6)(model)
    model.graph.node[-1].output[0] = "soft"
    model.graph.initializer.append(numpy_helper.from_array(np.float32(0.5), "offset"))
    model.graph.node.append(helper.make_node("Add", ["soft", "offset"], ["output"]))


def _click(model: onnx.ModelProto) -> None:
    """Append one sample beside which all others are less than a step of 16 bits."""
    _last(model)
    for name, value in (("pads", [0] * 7 + [1]), ("peak", 1e6)):
        model.graph.initializer.append(
            numpy_helper.from_array(np.array(value, np.int64 if name == "pads" else np.float32), name)
        )
    model.graph.node.append(helper.make_node("Pad", ["audio", "pads", "peak"], ["output"]))


def _scaled(factor: float) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        _last(model)
        model.graph.initializer.append(numpy_helper.from_array(np.float32(factor), "factor"))
        model.graph.node.append(helper.make_node("Mul", ["audio", "factor"], ["output"]))

    return change


def _constant(model: onnx.ModelProto) -> None:
    _scaled(0)(model)
    model.graph.node[-1].output[0] = "zeros"
    model.graph.initializer.append(numpy_helper.from_array(np.float32(0.5), "offset"))
    model.graph.node.append(helper.make_node("Add", ["zeros", "offset"], ["output"]))


def _one_sample(model: onnx.ModelProto) -> None:
    _last(model)
    for name, value in (("begin", 0), ("end", 300), ("axis", -1)):
        model.graph.initializer.append(numpy_helper.from_array(np.array([value], np.int64), name))
    model.graph.node.append(helper.make_node("Slice", ["audio", "begin", "end", "axis"], ["output"]))


def _other_rate(model: onnx.ModelProto) -> None:
    model.metadata_props.add(key="sample_rate", value="16000")


def _bad_reshape(model: onnx.ModelProto) -> None:
    _last(model)
    model.graph.initializer.append(numpy_helper.from_array(np.array([7, 11], np.int64), "sizes"))
    model.graph.node.append(helper.make_node("Reshape", ["audio", "sizes"], ["output"]))


def _bad_graph(model: onnx.ModelProto) -> None:
    model.graph.node[-1].input[0] = "nowhere"


@pytest.mark.parametrize(
    ("fault", "change", "words"),
    [
        (
            Fault.EXTRA_INPUT,
            _extra_input,
            "needs the input lid, which Piper does not provide: export it with no inputs",
        ),
        (Fault.EXTRA_INPUT, _two_extra_inputs, "needs the inputs did and lid, which Piper does not provide"),
        (
            Fault.INPUT_TYPE,
            _other_type,
            "input is tensor(int32) [any, any], not tensor(int64) [1, any]: export it again",
        ),
        (
            Fault.INPUT_TYPE,
            _fixed_length,
            "input is tensor(int64) [1, 50], not tensor(int64) [1, any]: export it again",
        ),
        (Fault.CHANNELS, _two_channels, "returns 2 channels, but Piper plays one: export it with one channel"),
        (Fault.SPECTROGRAM, _spectrogram, "returns a spectrogram of 80 bands instead of audio: export it in one model"),
        (Fault.NOT_AUDIO, _latent, "instead of samples: add a whole voice, not a part of one"),
        (Fault.NOT_NUMBERS, _as_type(onnx.TensorProto.STRING), "returns values of type text instead of samples"),
        (Fault.NOT_NUMBERS, _as_type(onnx.TensorProto.BOOL), "returns values of type bool instead of samples"),
        (Fault.NOT_FINITE, _scaled(np.nan), "values that are not numbers"),
        (Fault.NOT_FINITE, _scaled(np.inf), "values that are not numbers"),
        (Fault.SILENT, _scaled(0), "silence"),
        (Fault.SILENT, _constant, "silence"),
        (Fault.SILENT, _offset, "silence"),
        (Fault.SILENT, _click, "silence"),
        (Fault.LENGTH, _one_sample, "which is implausible: get the voice's files again"),
        (Fault.RATE, _other_rate, "set audio.sample_rate to 16000"),
        (Fault.RUN, _bad_reshape, "ONNX Runtime fails when"),
        (Fault.LOAD, _bad_graph, "cannot load"),
    ],
)
def test_a_model_that_does_not_give_what_a_voice_must_gets_its_cause(
    fault: Fault, change: Callable[[onnx.ModelProto], None], words: str, voice_path: Path
) -> None:
    model = build_model(TINY)
    change(model)
    voice_path.write_bytes(model.SerializeToString())
    found = refused(voice_path)
    assert found.fault == fault
    assert words in str(found)
    assert str(voice_path) in found.problem


@pytest.mark.parametrize("factor", [1e-6, 1e-5, 1e6, 1e30])
def test_a_voice_of_any_volume_is_accepted_as_piper_brings_it_to_its_own(factor: float, voice_path: Path) -> None:
    model = build_model(TINY)
    _scaled(factor)(model)
    voice_path.write_bytes(model.SerializeToString())
    played = np.concatenate([chunk.audio_int16_array for chunk in PiperVoice.load(voice_path).synthesize("1 2 3.")])
    assert (np.abs(played).max(), np.mean(np.abs(played) == 32_767) < 0.01) == (32_767, True)
    attempt(voice_path)


def test_a_model_that_ignores_the_speaker_is_not_said_to_have_many(voice_path: Path) -> None:
    model = build_model(TINY)
    model.graph.input.append(helper.make_tensor_value_info("sid", onnx.TensorProto.INT64, [1]))
    voice_path.write_bytes(model.SerializeToString())
    assert refused(voice_path).fix == "set num_speakers to 2"
    config_path_of(voice_path).write_text(json.dumps(voice_config(TINY) | {"num_speakers": 2}))
    attempt(voice_path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "cp037", "ascii:strict"])
def test_the_user_s_encoding_of_standard_streams_is_not_that_of_the_trial(
    encoding: str, voice_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    attempt(voice_path)


@pytest.mark.parametrize("kind", [None, True, 7, ["espeak"]], ids=json.dumps)
def test_a_wrong_value_is_shown_as_json_has_it(kind: object, tmp_path: Path) -> None:
    found = refused(write(tmp_path, TINY, {"phoneme_type": kind}))
    assert found.problem.endswith(f"that Piper does not know, {json.dumps(kind)}")


def _endless(model: onnx.ModelProto) -> None:
    value, number, truth = helper.make_tensor_value_info, onnx.TensorProto.INT64, onnx.TensorProto.BOOL
    body = helper.make_graph(
        [helper.make_node("Identity", [name], [f"{name} again"]) for name in ("go on", "audio in")],
        "body",
        [value("turn", number, []), value("go on", truth, []), value("audio in", onnx.TensorProto.FLOAT, None)],
        [value("go on again", truth, []), value("audio in again", onnx.TensorProto.FLOAT, None)],
    )
    _last(model)
    model.graph.initializer.append(numpy_helper.from_array(np.bool_(True), "yes"))
    model.graph.node.append(helper.make_node("Loop", ["", "yes", "audio"], ["output"], body=body))


def test_a_model_that_hangs_is_ended(voice_path: Path) -> None:
    model = build_model(TINY)
    _endless(model)
    voice_path.write_bytes(model.SerializeToString())
    found = refused(voice_path, timeout_s=10)
    assert (found.fault, "takes more than 10 s" in found.problem) == (Fault.TIMEOUT, True)


def test_a_length_scale_that_takes_too_long_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, TINY, {"inference": {"length_scale": 1e5}})
    monkeypatch.setattr(trial, "_MEMORY_GB", 0.5)
    found = refused(path)
    assert (found.fault, found.fix) == (Fault.SCALE, "remove length_scale from its inference")
    assert "a length_scale of 100000, with which" in found.problem
    assert found.problem.endswith("takes more than 0.5 GB of memory")


def test_a_model_that_takes_too_much_memory_is_ended(voice_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_MEMORY_GB", 0.03)
    assert refused(voice_path).fault == Fault.MEMORY


@pytest.mark.parametrize(
    ("code", "fault", "words"),
    [
        (
            "print('\"ready\"', flush=True); import os; os.abort()",
            Fault.CRASH,
            "(SIGABRT): get the voice's files again",
        ),
        ("import os; os.kill(os.getpid(), 9)", Fault.PIPER, "-m pip install --force-reinstall piper-tts onnxruntime"),
    ],
)
def test_a_crash_after_piper_is_loaded_is_blamed_on_the_model_and_one_before_on_the_installation(
    code: str, fault: Fault, words: str, voice_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "module_command", lambda *_: [sys.executable, "-P", "-c", code])
    found = refused(voice_path)
    assert found.fault == fault
    assert words in str(found)


def test_a_broken_onnx_runtime_is_not_blamed_on_the_voice(
    voice_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('libgomp.so.1: cannot open')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = refused(voice_path)
    assert (found.fault, found.is_of_files) == (Fault.PIPER, False)
    assert "libgomp" in found.problem


def test_the_voice_s_files_stay_as_they_are(voice_path: Path) -> None:
    before = {entry.name: entry.read_bytes() for entry in voice_path.parent.iterdir()}
    attempt(voice_path)
    assert {entry.name: entry.read_bytes() for entry in voice_path.parent.iterdir()} == before
