"""What a student learns from: sentences of the voice's language and of its phonemes, drawn once, the same each time."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from core.distill.crops import CROP, Crops
from core.distill.examples import Example, draw_examples, require_space
from core.distill.recipe import _kernel
from core.distill.sentences import Utterance, held_out_utterances, training_utterances
from core.distill.teacher import Teacher
from core.engines.ort import OrtVoice
from core.errors import TtsdashError
from core.quantize.calibration import calibration_sentences
from core.vits.voice_graph import VoiceGraph
from tests.vits import MULTI_SPEAKER, TINY, VitsShape, build_model, voice_config

UTTERANCES = [Utterance((1, *range(14, 14 + length), 2), noise_scale=0.667, noise_w=0.8) for length in (20, 30, 25)]


def teacher_of(shape: VitsShape) -> Callable[[], Teacher]:
    model = build_model(shape)
    decoder = VoiceGraph(model).decoder
    assert decoder is not None
    return partial(Teacher, model, model, decoder, _kernel, 1)


@pytest.fixture(scope="module")
def open_teacher() -> Callable[[], Teacher]:
    return teacher_of(TINY)


def same(one: list[Example], other: list[Example]) -> bool:
    pairs = zip(one, other, strict=True)
    return all(np.array_equal(a.samples, b.samples) and np.array_equal(a.activations, b.activations) for a, b in pairs)


def test_a_voice_teaches_what_it_speaks(open_teacher: Callable[[], Teacher], tmp_path: Path) -> None:
    path = tmp_path / "voice.onnx"
    onnx.save(build_model(TINY), path)
    silent = Utterance(UTTERANCES[0].ids)
    lesson = open_teacher().latents(silent)()
    spoken = OrtVoice(path, threads=1).synthesize(list(silent.ids))
    assert np.abs(lesson.samples - spoken).max() < 1e-5
    assert len(lesson.samples) % lesson.activations.shape[1] == 0


def test_examples_are_the_same_each_time(open_teacher: Callable[[], Teacher], tmp_path: Path) -> None:
    once, again = (draw_examples(open_teacher, UTTERANCES, tmp_path / name) for name in ("once", "again"))
    assert same(once, again)


def test_a_job_that_goes_on_draws_only_what_is_missing(open_teacher: Callable[[], Teacher], tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def until_killed() -> Iterator[Utterance]:
        yield from UTTERANCES[:2]
        raise Killed

    straight = draw_examples(open_teacher, UTTERANCES, tmp_path / "straight")
    folder = tmp_path / "killed"
    with pytest.raises(Killed):
        draw_examples(open_teacher, until_killed(), folder)
    before = (folder / "0" / "samples.npy").stat().st_mtime_ns
    assert same(draw_examples(open_teacher, UTTERANCES, folder), straight)
    assert (folder / "0" / "samples.npy").stat().st_mtime_ns == before


def test_complete_examples_are_read_without_the_voice(open_teacher: Callable[[], Teacher], tmp_path: Path) -> None:
    drawn = draw_examples(open_teacher, UTTERANCES, tmp_path)

    def no_teacher() -> Teacher:
        raise AssertionError

    assert same(draw_examples(no_teacher, UTTERANCES, tmp_path), drawn)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00v"], ids=["empty", "cut off"])
def test_a_damaged_example_is_drawn_again(content: bytes, open_teacher: Callable[[], Teacher], tmp_path: Path) -> None:
    drawn = draw_examples(open_teacher, UTTERANCES, tmp_path / "intact")
    draw_examples(open_teacher, UTTERANCES, tmp_path / "damaged")
    (tmp_path / "damaged" / "1" / "activations.npy").write_bytes(content)
    assert same(draw_examples(open_teacher, UTTERANCES, tmp_path / "damaged"), drawn)


def test_drawing_ends_with_enough_samples(open_teacher: Callable[[], Teacher], tmp_path: Path) -> None:
    shares: list[float] = []
    first = draw_examples(open_teacher, UTTERANCES[:1], tmp_path / "first")
    enough = len(first[0].samples) + 1
    drawn = draw_examples(open_teacher, UTTERANCES, tmp_path / "enough", enough, shares.append)
    assert len(drawn) == 2
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize(
    ("drawn", "needed"),
    [(0, 250), (1, 249), (1000, 50)],
    ids=["none drawn", "some drawn", "more drawn than needed"],
)
def test_drawing_needs_free_space_for_what_is_not_drawn_yet(
    drawn: int, needed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "examples"
    (folder / "0").mkdir(parents=True)
    with (folder / "0" / "samples.npy").open("wb") as file:
        file.truncate(drawn * 1_000_000)
    # 10 bytes for each sample.
    known = [Example(np.zeros((4, 100), np.float16), np.zeros(100, np.float16))]

    def require(free: float) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free * 1e6))
        require_space(tmp_path, folder, 20e6, known)

    require(needed)
    with pytest.raises(TtsdashError) as refused:
        require(needed - 1)
    assert str(refused.value) == (
        f"the disk is nearly full: {needed - 1} MB free in {tmp_path}, {needed} MB needed for what the student learns from: "
        "free some disk space, then retry the job"
    )


def test_complete_examples_need_no_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    (tmp_path / "complete").touch()
    require_space(tmp_path, tmp_path, 1e9, [])


def test_sentences_to_judge_by_are_not_trained_on() -> None:
    config = voice_config(TINY)
    judged = {utterance.ids for utterance in held_out_utterances(config, "en_US")}
    trained = {utterance.ids for utterance in islice(training_utterances(config, "en_US"), 300)}
    assert len(judged) == len(calibration_sentences(config, "en_US", None).sentences)
    assert not judged & trained


def test_sentences_to_judge_by_are_spoken_without_noise() -> None:
    judged = held_out_utterances(voice_config(TINY), "en_US")
    assert {(one.noise_scale, one.length_scale, one.noise_w) for one in judged} == {(0.0, 1.0, 0.0)}


def test_sentences_to_train_on_are_the_same_each_time_and_all_different() -> None:
    config = voice_config(TINY)
    once, again = (list(islice(training_utterances(config, "en_US"), 100)) for _ in range(2))
    assert once == again
    assert len({one.ids for one in once}) == 100


def test_a_voice_without_written_sentences_is_trained_on_its_phonemes() -> None:
    config = voice_config(TINY)
    found = list(islice(training_utterances(config, "tlh"), 40))
    assert len({one.ids for one in found}) == 40


def test_every_speaker_of_a_voice_is_heard() -> None:
    config = voice_config(MULTI_SPEAKER)
    speakers = set(range(config["num_speakers"]))
    assert {one.speaker for one in islice(training_utterances(config, "en_US"), 40)} == speakers
    assert {one.speaker for one in held_out_utterances(config, "en_US")} == speakers


def test_crops_have_the_samples_of_their_positions(open_teacher: Callable[[], Teacher]) -> None:
    dice = np.random.default_rng(1)
    hop, positions = 8, np.arange(3 * CROP)
    example = Example(np.tile(positions, (4, 1)).astype(np.float16), np.repeat(positions, hop).astype(np.float16))
    activations, samples = Crops([example]).draw(dice)
    assert activations.shape[1:] == (CROP, 4)
    assert (samples.numpy().reshape(len(samples), CROP, hop) == activations.numpy()[:, :, :1]).all()
