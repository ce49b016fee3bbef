"""The recipe `distill`: a smaller decoder, trained to speak as the voice's own does.

The decoder is a deterministic function from latents to samples, and the voice itself makes any number of latents from text.
So a student learns from the voice alone, with the exact waveform as its target: no recordings, no adversarial training. The
front stays as it is, so durations do not change. The rest is as in the recipe `dynamic`.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import torch

from core.clock import parse_duration
from core.distill.examples import draw_examples, require_space
from core.distill.pace import PACE
from core.distill.run import Plan, run_training
from core.distill.sentences import held_out_utterances, training_utterances
from core.distill.student import SHAPES, Size, input_of_student, untrained
from core.distill.student_tail import StudentTail
from core.distill.teacher import Teacher
from core.distill.trained import Trained
from core.distill.training import Budget, Training
from core.engines.engine import Audio
from core.engines.ort import OrtVoice
from core.errors import InvalidInput, TtsdashError
from core.files import naming_full_disk, sha256_of
from core.graph.errors import UnsupportedGraph
from core.graph.index import GraphIndex
from core.graph.model import save_model
from core.quality.grade import MAX_TONE_DB
from core.quality.tones import Tone, worst_tone
from core.quantize.kernels.dynamic_int8 import DynamicInt8, convolve_standalone
from core.quantize.steps import MIN_INT8_CHANNELS, compress_remaining, flow_positions, quantize_flow, simplify
from core.rewrite.chunked_decoder import STAGES_BEFORE_LOOP, Chunking, replace_tail
from core.rewrite.nchwc import NCHWc
from core.rewrite.stage import MakeKernel
from core.seed import SEED
from core.variants.kept_training import CHECKSUM, training_path_of
from core.variants.recipes import AUTO, Task
from core.vits.hifigan import Decoder, Stage, read_decoder
from core.vits.split import receptive_field, split_model, write_split_point
from core.vits.voice_graph import VoiceGraph

# A student has few values for each position, and reads many beside a chunk.
_CHUNKING = Chunking(max_length=512, batch=2)
# Of the steps of a new training, those of one that is continued without a budget.
_FURTHER_SHARE = 0.5
# The shares of the job that are done when drawing examples, training, writing and listening to the variant begin.
_DRAWING, _TRAINING, _WRITING, _LISTENING = 0.01, 0.06, 0.96, 0.97


def make(task: Task) -> dict[str, Any]:
    """Write the variant, and return how it was trained.

    Goes on from the checkpoint in the task's folder if there is one. The state of the training is kept beside the variant.
    Raises InvalidInput for a source that is already quantized, or whose structure is not recognized.
    """
    torch.manual_seed(SEED)
    torch.set_num_threads(task.cores)
    voice = simplify(task)
    if voice.decoder is None or voice.topology is None:
        reason = voice.unsupported_decoder if voice.decoder is None else voice.unsupported
        raise InvalidInput(f"{task.source} cannot be distilled ({reason}): use another recipe")
    if len(voice.decoder.stages) == STAGES_BEFORE_LOOP:
        raise InvalidInput(f"{task.source} cannot be distilled (its decoder has one stage only): use another recipe")
    quantized = _with_int8_flow(voice, task)
    teacher = partial(Teacher, voice.model, quantized.model, voice.decoder, _kernel, task.cores)
    before = Trained.read(task.trained) if task.trained else None
    with naming_full_disk(task.training):
        training = _train(task, teacher, voice.decoder, before)
    task.progress("writing the variant", _WRITING)
    divisor = voice.decoder.stages[STAGES_BEFORE_LOOP - 1].divisor
    tail = StudentTail(training.best_student(), divisor)
    model = replace_tail(quantized.model, voice.decoder, _CHUNKING, _kernel, tail)
    _write_split_point(model, voice, tail)
    compress_remaining(model, task, set())
    save_model(model, task.target)
    task.progress("listening for tones", _LISTENING)
    tone = _require_no_tone(task)
    trained, path = Trained.of(training, str(task.params["budget"]), before), training_path_of(task.target)
    trained.save(path)
    return {
        "budget": trained.budget,
        "runs": trained.runs,
        "steps": trained.steps,
        "tone_db": tone and round(tone.excess_db, 2),
        "trained_s": round(trained.seconds),
        "held_out_mel_db": round(training.best.mel_db, 3),
        "held_out_pesq": training.best.pesq and round(training.best.pesq, 3),
        CHECKSUM: sha256_of(path),
    }


def _write_split_point(model: onnx.ModelProto, voice: VoiceGraph, tail: StudentTail) -> None:
    """Write the voice's split point, if it has one, with the receptive fields of the student, not of the voice's decoder."""
    try:
        halves = split_model(voice.model)
    except UnsupportedGraph:
        return
    index, split_point = GraphIndex(halves.decoder.graph), halves.split_point
    x = input_of_student(index, read_decoder(index))
    whole, decoder = (
        receptive_field(halves.decoder, x, start).followed_by(tail.field).samples
        for start in (None, split_point.flow_output)
    )
    write_split_point(model, replace(split_point, receptive_field=whole, decoder_field=decoder))


class Tonal(TtsdashError):
    """A student adds a tone to the voice, which is not to be published."""


def _require_no_tone(task: Task) -> Tone | None:
    """Return the worst tone that the variant adds to the voice; None if the sentences are too short. Raises Tonal."""
    original, variant = (_speak(path, task) for path in (task.source, task.target))
    tone = worst_tone(original, variant, int(task.config["audio"]["sample_rate"]))
    if tone and tone.excess_db > MAX_TONE_DB:
        raise Tonal(
            f"the student adds a tone to the voice, {tone.excess_db:.1f} dB at {tone.hz:.0f} Hz (at most {MAX_TONE_DB:g} dB): "
            "give it more time (--param budget=DURATION)"
        )
    return tone


def _speak(path: Path, task: Task) -> list[Audio]:
    """Return the held-out sentences as a file speaks them."""
    voice = OrtVoice(path, task.cores)
    utterances = held_out_utterances(task.config, task.language)
    return [voice.synthesize(list(one.ids), speaker=one.speaker) for one in utterances]


def _with_int8_flow(voice: VoiceGraph, task: Task) -> VoiceGraph:
    """Return a copy of the voice whose flow is computed in int8."""
    copy = onnx.ModelProto()
    copy.CopyFrom(voice.model)
    return quantize_flow(VoiceGraph(copy), task, flow_positions(voice, task), convolve_standalone)


def _kernel(number: int, stage: Stage) -> MakeKernel:
    return DynamicInt8 if stage.channels >= MIN_INT8_CHANNELS else NCHWc


def _train(task: Task, open_teacher: Callable[[], Teacher], decoder: Decoder, before: Trained | None) -> Training:
    """Return a training that is over: a new one, or one that has continued the one `before`."""
    size: Size = task.params["size"]  # type: ignore[assignment]
    # A job may go on with another size, or after its voice was exported again.
    folder = task.training / f"{size} {sha256_of(task.source)}"
    rate = int(task.config["audio"]["sample_rate"])

    def on_drawn(share: float) -> None:
        task.progress("speaking what is to be learned", _DRAWING + share * (_TRAINING - _DRAWING))

    held_out = draw_examples(open_teacher, held_out_utterances(task.config, task.language), folder / "held-out")
    place, samples = folder / "examples", PACE.audio_s * rate
    require_space(task.training, place, samples, held_out)
    utterances = training_utterances(task.config, task.language)
    examples = draw_examples(open_teacher, utterances, place, samples, on_drawn)
    # If another job has replaced the variant meanwhile, its training is the one to be continued.
    start = f" {sha256_of(task.trained)[:16]}" if task.trained else ""
    plan = Plan(
        student=untrained(decoder, SHAPES[size]),
        budget=_budget(str(task.params["budget"]), SHAPES[size].steps, is_new=before is None),
        checkpoint=folder / f"checkpoint{start}.pt",
        sample_rate=rate,
        cores=task.cores,
        trained=before,
    )
    return run_training(
        plan,
        examples,
        held_out,
        task.log,
        lambda stage, share: task.progress(stage, _TRAINING + share * (_WRITING - _TRAINING)),
    )


def _budget(text: str, steps: int, is_new: bool) -> Budget:
    """Return a budget as it is written; `steps` are what a new training needs."""
    if text != AUTO:
        return Budget(seconds=parse_duration(text))
    return Budget(steps=steps if is_new else math.ceil(_FURTHER_SHARE * steps))
