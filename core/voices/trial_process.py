"""The process in which a voice is tried: `python -P -m core.voices.trial_process PARENT`.

It reads {"model", "config", "text"} from standard input. It writes "ready" to standard output when piper-tts is loaded,
then {"seconds"} or {"fault", "facts"}.
"""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from core.errors import reason_of
from core.processes import die_with_parent, pip_install
from core.text import enumerate_names
from core.voices.check_text import is_spoken
from core.voices.faults import Fault, FaultFound
from core.voices.phonemizer import EXTRAS, Resource, download_command, lacks_resources, open_piper
from core.voices.trial_speakers import check_speakers

READY = "ready"

_MARKS = ("^", "_", "$")
_INT64, _FLOAT = "tensor(int64)", "tensor(float)"
_SHAPES: dict[str, tuple[int | None, ...]] = {"input": (1, None), "input_lengths": (1,), "scales": (3,), "sid": (1,)}


def main() -> None:
    """Try the voice that standard input names."""
    die_with_parent(int(sys.argv[1]))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # What libraries print must not mix with the answer.
    os.dup2(2, 1)
    request = json.load(sys.stdin)
    try:
        _load_piper()
        print(json.dumps(READY), file=answers, flush=True)
        answer: dict[str, Any] = {"seconds": _try(request["model"], request["config"], request["text"])}
    except FaultFound as found:
        answer = {"fault": found.fault, "facts": found.facts}
    print(json.dumps(answer), file=answers, flush=True)
    # Threads of a library must not delay the end.
    os._exit(0)


def _load_piper() -> None:
    try:
        import onnxruntime  # noqa: F401
        import piper.voice  # noqa: F401
        from piper.phonemize_espeak import EspeakPhonemizer

        EspeakPhonemizer()
    except Exception as error:
        raise FaultFound(Fault.PIPER, reason=reason_of(error)) from error


def _try(model: str, config: dict[str, Any], text: str) -> float:
    """Return how long the voice speaks, in seconds. Raises FaultFound."""
    _check_phonemizer(config)
    phonemes = _phonemes(config, text)
    session = _open_session(model)
    try:
        voice = open_piper(config, session)
    except Exception as error:
        raise FaultFound(Fault.CONFIG, reason=reason_of(error)) from error
    _check_inputs(voice)
    audio = check_speakers(voice, [voice.phonemes_to_ids(sentence) for sentence in phonemes])
    from core.voices.trial_audio import judge_length

    samples, spoken = sum(len(sentence) for sentence in audio), sum(len(sentence) for sentence in phonemes)
    metadata = session.get_modelmeta().custom_metadata_map
    rate = voice.config.sample_rate
    judge_length(samples, spoken, rate, voice.config.length_scale, config["audio"].get("quality"), metadata)
    return samples / float(rate)


def _check_phonemizer(config: dict[str, Any]) -> None:
    from piper import espeakbridge
    from piper.config import PhonemeType

    known = [kind.value for kind in PhonemeType]
    kind = config.get("phoneme_type", PhonemeType.ESPEAK.value)
    if kind not in known:
        meant = str(kind).rpartition(".")[2].strip().lower()
        choices = json.dumps(meant) if meant in known else f"one of {', '.join(known)}"
        value = repr(kind) if isinstance(kind, str) else json.dumps(kind)
        raise FaultFound(Fault.PHONEME_TYPE, value=value, choices=choices)
    if kind == PhonemeType.ESPEAK.value and not _knows(espeakbridge, config["espeak"]["voice"]):
        choice = next((name for name in _candidates(config) if _knows(espeakbridge, name)), "en-us")
        raise FaultFound(Fault.ESPEAK_VOICE, value=config["espeak"]["voice"], choice=choice)
    if kind in EXTRAS:
        _check_packages(kind)
    if lacks_resources(config):
        raise FaultFound(Fault.RESOURCES, value=Resource.G2PW, download=download_command())


def _knows(espeak: Any, name: str) -> bool:
    try:
        espeak.set_voice(name)
    except (RuntimeError, ValueError):
        return False
    return True


def _candidates(config: dict[str, Any]) -> list[str]:
    """Return what espeak-ng may call the language of a voice."""
    language = config.get("language")
    codes = [language.get(key) for key in ("code", "family")] if isinstance(language, dict) else []
    names = [str(name).strip().lower().replace("_", "-") for name in (*codes, config["espeak"]["voice"]) if name]
    families = [name.partition("-")[0] for name in names]
    return [*names, *families, *("cmn" for family in families if family == "zh")]


def _check_packages(kind: str) -> None:
    """Check that the phonemizer's packages can be imported. Piper imports them when it makes phonemes."""
    from importlib.util import find_spec

    needed = {"pinyin": ("g2pw", "transformers", "sentence_stream", "unicode_rbnf"), "japanese": ("pyopenjtalk",)}
    missing = [name for name in needed.get(kind, ("tltk", "pandas", "unicode_rbnf")) if find_spec(name) is None]
    if missing:
        raise FaultFound(Fault.PACKAGES, value=", ".join(missing), install=pip_install(f"piper-tts[{EXTRAS[kind]}]"))


def _phonemes(config: dict[str, Any], text: str) -> list[list[str]]:
    """Return the phonemes of a text, by sentence, that the voice has ids for."""
    known = config["phoneme_id_map"]
    missing = [mark for mark in _MARKS if mark not in known]
    if missing:
        raise FaultFound(Fault.MARKS, names=" ".join(missing))
    try:
        sentences = open_piper(config).phonemize(text)
    except Exception as error:
        raise FaultFound(Fault.CONFIG, reason=reason_of(error)) from error
    kept = [[phoneme for phoneme in sentence if phoneme in known] for sentence in sentences]
    if not any(is_spoken(phoneme) and known[phoneme] for sentence in kept for phoneme in sentence):
        raise FaultFound(Fault.PHONEMES)
    return [sentence for sentence in kept if sentence]


def _open_session(model: str) -> Any:
    import onnxruntime

    try:
        # As piper-tts opens it.
        return onnxruntime.InferenceSession(
            model, sess_options=onnxruntime.SessionOptions(), providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise FaultFound(Fault.LOAD, version=onnxruntime.__version__, reason=reason_of(error)) from error


def _check_inputs(voice: Any) -> None:
    """Hold the model's inputs against those that Piper provides."""
    needed = {entry.name: entry for entry in voice.session.get_inputs()}
    provided = {"input": _INT64, "input_lengths": _INT64, "scales": _FLOAT}
    if voice.config.num_speakers > 1 and voice.config.default_speaker_id is not None:
        provided["sid"] = _INT64
    extra = needed.keys() - provided.keys()
    if extra - {"sid"}:
        raise FaultFound(Fault.EXTRA_INPUT, inputs=enumerate_names("input", sorted(extra - {"sid"})))
    optional = {entry.name for entry in voice.session.get_overridable_initializers()}
    missing = provided.keys() - needed.keys() - optional
    if missing:
        raise FaultFound(Fault.MISSING_INPUT, inputs=enumerate_names("input", sorted(missing)))
    for name, entry in needed.items():
        expected = provided.get(name, _INT64)
        if entry.type != expected or not _fits(entry.shape, _SHAPES[name]):
            found, wanted = f"{entry.type} {_described(entry.shape)}", f"{expected} {_described(_SHAPES[name])}"
            raise FaultFound(Fault.INPUT_TYPE, name=name, found=found, expected=wanted)


def _fits(shape: Sequence[Any], provided: Sequence[int | None]) -> bool:
    """Return whether an input takes an array of that shape, of which None is any length."""
    if not shape:
        # The model declares none.
        return True
    fixed = [size if isinstance(size, int) and size > 0 else None for size in shape]
    return len(fixed) == len(provided) and all(
        size is None or size == length for size, length in zip(fixed, provided, strict=True)
    )


def _described(shape: Sequence[Any]) -> str:
    return f"[{', '.join(str(size) if isinstance(size, int) else 'any' for size in shape)}]"


if __name__ == "__main__":
    main()
