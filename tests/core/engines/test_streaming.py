"""A voice that is streamed speaks as the whole voice does, whatever was made of it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from core.engines.chunk_schedule import Schedule
from core.engines.ort import OrtVoice
from core.engines.streaming import Scales, StreamingVoice, open_streaming
from core.engines.voice_parts import VoiceParts, kept_parts, split_file
from core.errors import InvalidInput
from core.files import sha256_of
from core.graph.constant_folding import fold_constants
from core.vits.piper_session import PiperSession
from core.vits.split import split_model, write_split_point
from core.voices.phonemes import random_phonemes
from tests.core.quantize.making import make
from tests.vits import HIGH, MULTI_SPEAKER, TINY, X_LOW, VitsShape, voice_config, write_voice

SHAPES = {"medium": TINY, "high": HIGH, "x_low": X_LOW, "multi-speaker": MULTI_SPEAKER}
SMALL = Schedule(first=4, growth=2)


def ids_of(shape: VitsShape, length: int) -> list[int]:
    (ids,) = random_phonemes(voice_config(shape), [length])
    return ids


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("length", [1, 30, 120])
def test_chunks_joined_are_the_audio_of_the_whole_voice(shape: VitsShape, length: int, tmp_path: Path) -> None:
    path, ids, speaker = write_voice(tmp_path, shape), ids_of(shape, length), shape.speakers - 1
    voice = open_streaming(path, 1)
    chunks = list(voice.stream(ids, Scales(length=1.1), speaker, SMALL))
    whole = OrtVoice(path, threads=1).synthesize(ids, length_scale=1.1, speaker=speaker)
    np.testing.assert_allclose(np.concatenate(chunks), whole, atol=1e-5)
    assert len(chunks) == len(list(SMALL.chunks(len(whole) // voice.split_point.hop_length)))


def test_the_first_chunk_is_ready_after_computing_it_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voice = open_streaming(write_voice(tmp_path), 1)
    point = voice.split_point
    read: list[int] = []
    decoder = voice._decoder
    run = decoder.run

    class Counting:
        get_inputs = staticmethod(decoder.get_inputs)

        @staticmethod
        def run(names: None, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
            read.append(next(iter(feeds.values())).shape[2])
            return run(names, feeds)

    monkeypatch.setattr(voice, "_decoder", Counting)
    first = next(voice.stream(ids_of(TINY, 200)))
    assert (len(first), read) == (16 * point.hop_length, [16 + point.decoder_field])


def test_no_frame_of_the_flow_is_computed_twice_but_for_its_receptive_field(tmp_path: Path) -> None:
    point = open_streaming(write_voice(tmp_path), 1).split_point
    assert 0 < point.decoder_field < point.receptive_field


@pytest.mark.parametrize("field", ["receptive_field", "decoder_field"])
def test_a_quarter_of_the_overlap_is_not_enough(field: str, tmp_path: Path) -> None:
    path, ids = write_voice(tmp_path), ids_of(TINY, 120)
    halves = split_model(fold_constants(path))
    point = halves.split_point
    changed: dict[str, Any] = {field: getattr(point, field) // 4}
    if field == "receptive_field":
        changed |= {"decoder_field": 0, "flow_output": None}
    model = onnx.load(path)
    write_split_point(model, replace(point, **changed))
    onnx.save(model, tmp_path / "wrong.onnx")
    wrong = open_streaming(tmp_path / "wrong.onnx", 1).synthesize(ids)
    assert np.abs(wrong - OrtVoice(path, threads=1).synthesize(ids)).max() > 1e-4


@pytest.mark.parametrize("recipe", ["optimized", "static", "dynamic", "prune", "int4"])
def test_every_variant_can_be_streamed(recipe: str, tmp_path: Path) -> None:
    path, made, ids = write_voice(tmp_path, MULTI_SPEAKER), tmp_path / "made.onnx", ids_of(MULTI_SPEAKER, 120)
    make(recipe, path, made)
    chunks = list(open_streaming(made, 1).stream(ids, speaker=2))
    assert len(chunks) > 1
    whole = OrtVoice(made, threads=1).synthesize(ids, speaker=2)
    # Dynamic ranges are those of a chunk, not of the sentence: they round differently.
    tolerance = {"optimized": 2e-5, "static": 2e-5}.get(recipe, 0.1)
    np.testing.assert_allclose(np.concatenate(chunks), whole, atol=tolerance)


def test_a_variant_of_an_earlier_version_is_streamed_without_a_mark_between_flow_and_decoder(tmp_path: Path) -> None:
    path, made, ids = write_voice(tmp_path), tmp_path / "made.onnx", ids_of(TINY, 120)
    make("optimized", path, made)
    model = onnx.load(made)
    point = PiperSession(made).metadata["ttsdash.cut"]
    (entry,) = (entry for entry in model.metadata_props if entry.key == "ttsdash.cut")
    entry.value = point[: point.index(', "flow_output"')] + "}"
    onnx.save(model, made)
    assert split_file(made).flow is None
    streamed = open_streaming(made, 1).synthesize(ids)
    np.testing.assert_allclose(streamed, OrtVoice(path, threads=1).synthesize(ids), atol=2e-5)


def test_the_noises_of_a_sentence_are_used(tmp_path: Path) -> None:
    voice, ids = open_streaming(write_voice(tmp_path), 1), ids_of(TINY, 60)
    exact, again = voice.synthesize(ids), voice.synthesize(ids)
    np.testing.assert_array_equal(exact, again)
    noisy = voice.synthesize(ids, Scales(noise=0.667))
    assert len(noisy) == len(exact)
    assert np.abs(noisy - exact).max() > 1e-3


def test_several_sentences_can_be_streamed_at_the_same_time(tmp_path: Path) -> None:
    voice = open_streaming(write_voice(tmp_path, MULTI_SPEAKER), 1)
    sentences = [(ids_of(MULTI_SPEAKER, 60 + number), number % MULTI_SPEAKER.speakers) for number in range(8)]
    alone = [voice.synthesize(ids, speaker=speaker) for ids, speaker in sentences]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda one: voice.synthesize(one[0], speaker=one[1]), sentences))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_parts_are_made_once_and_read_from_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, folder = write_voice(tmp_path), tmp_path / "parts"
    sha256 = sha256_of(path)
    made = kept_parts(path, sha256, folder)
    assert sorted(file.name for file in (folder / sha256).iterdir()) == ["decoder.onnx", "encoder.onnx", "flow.onnx"]
    monkeypatch.setattr("core.engines.voice_parts.split_file", pytest.fail)
    assert kept_parts(path, sha256, folder) == made
    ids = ids_of(TINY, 60)
    np.testing.assert_array_equal(StreamingVoice(made, 1).synthesize(ids), open_streaming_of(path).synthesize(ids))


def open_streaming_of(path: Path) -> StreamingVoice:
    """Split without the functions of the module, which a test may have replaced."""
    return StreamingVoice(split_file(path), 1)


def test_the_guides_variant_cannot_be_split(tmp_path: Path) -> None:
    make("guide", write_voice(tmp_path), tmp_path / "made.onnx")
    with pytest.raises(InvalidInput, match="cannot be split for streaming"):
        open_streaming(tmp_path / "made.onnx")


def test_parts_of_something_else_are_refused(tmp_path: Path) -> None:
    whole = write_voice(tmp_path)
    with pytest.raises(InvalidInput, match="has no split point"):
        StreamingVoice(VoiceParts(whole, None, whole))
