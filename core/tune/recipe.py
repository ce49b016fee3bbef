"""The recipe `tune`: a number format for each part of a voice, searched for a goal that the user states.

What a format costs in sound is measured, part by part, on the sentences of the calibration; what the search finds is judged
on the texts of a benchmark before it is published.
"""

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.clock import parse_duration
from core.errors import InvalidInput
from core.files import mkdir_private, sha256_of
from core.graph.errors import UnsupportedGraph
from core.quantize.calibration import calibration_sentences
from core.quantize.decoder_examples import shuffled
from core.quantize.int4 import LENGTHS
from core.quantize.steps import simplify
from core.seed import SEED
from core.tune.build import VariantBuilder
from core.tune.choice import Part, read_choice
from core.tune.goal import Goal, read_goal
from core.tune.journal import Journal
from core.tune.listener import Listener
from core.tune.parts import parts_of
from core.tune.run import Plan, Tuning
from core.tune.search import Candidate, front_of
from core.tune.starts import starting_choices
from core.variants.recipes import AUTO, RECIPES, Task, Value
from core.vits.voice_graph import VoiceGraph
from core.voices.phonemes import ids_of, random_phonemes
from core.voices.spoken_sentences import Sentence, SpokenSentences

_DEFAULT_BUDGET_S = 1800
_ROUNDING_SENTENCES = 16
# The share of the job that is done when the search begins, and when the variant is written.
_SEARCHING, _WRITING = 0.05, 0.98


def make(task: Task) -> dict[str, Any]:
    """Write the variant, and return the scheme of each part, with the figures that it was judged by.

    Goes on from the journal in the task's folder if there is one. Raises InvalidInput for a source that is already quantized,
    whose structure is not recognized, or for parameters that contradict each other, and GoalMissed.
    """
    goal = _goal(task)
    calibration = calibration_sentences(task.config, task.language, task.calibration)
    voice = simplify(task)
    try:
        parts = parts_of(voice)
    except UnsupportedGraph as reason:
        raise InvalidInput(f"{task.source} cannot be tuned ({reason}): use another recipe") from reason
    progress = _Progress(task)
    builder = _builder(task, voice, parts, calibration, progress)
    if task.params["parts"] == AUTO:
        found = _search(task, goal, voice, parts, builder, calibration, progress)
        choice, figures = found.choice, {"judged": str(found.figures)}
    else:
        choice, figures = read_choice(str(task.params["parts"]), parts), {}
    task.progress("writing the variant", _WRITING)
    builder.write(choice, task.target)
    return {"calibration": calibration.name, "choice": str(choice), **figures}


def _goal(task: Task) -> Goal:
    """Return what the parameters ask for. Raises InvalidInput."""
    if task.params["pesq"] != AUTO and importlib.util.find_spec("pesq") is None:
        raise InvalidInput("a bound of PESQ needs the package pesq (ttsdash[quality]): install it, or leave pesq= out")
    return read_goal(str(task.params["goal"]), _number(task.params["pesq"]), _number(task.params["mb"]))


def _number(value: Value) -> float | None:
    return None if value == AUTO else float(value)


def _builder(
    task: Task,
    voice: VoiceGraph,
    parts: tuple[Part, ...],
    calibration: SpokenSentences,
    progress: "_Progress",
) -> VariantBuilder:
    if voice.decoder is None:
        raise InvalidInput(f"{task.source} cannot be tuned ({voice.unsupported_decoder}): use another recipe")
    return VariantBuilder(
        voice,
        voice.decoder,
        parts,
        task.config,
        [sentence.ids(task.config) for sentence in calibration.sentences],
        # Not those that candidates are measured on: they would flatter.
        _rounding_utterances(task.config, calibration.sentences[1::2] or calibration.sentences),
        progress.show,
    )


def _rounding_utterances(config: dict[str, Any], sentences: Sequence[Sentence]) -> list[list[int]]:
    """Return what weights are rounded on: phonemes in random order, as for the recipe `int4`, and sentences.

    For the flow the phonemes are enough. The text encoder's attention reads what is beside a phoneme: rounded on words it
    keeps more of the durations.
    """
    random = np.random.default_rng(SEED)
    spoken = [ids_of(config, phonemes) for phonemes in shuffled(sentences, _ROUNDING_SENTENCES, random)]
    return [*spoken, *random_phonemes(config, LENGTHS[::2])]


def _search(
    task: Task,
    goal: Goal,
    voice: VoiceGraph,
    parts: tuple[Part, ...],
    builder: VariantBuilder,
    calibration: SpokenSentences,
    progress: "_Progress",
) -> Candidate:
    budget = _DEFAULT_BUDGET_S if task.params["budget"] == AUTO else parse_duration(str(task.params["budget"]))
    task.log(f"searching for {goal}, on sentences of {calibration.label}")
    mkdir_private(task.training)
    scratch = task.training / "candidate.onnx"
    tuning = Tuning(
        Plan(parts, starting_choices(parts), goal, budget, scratch),
        builder,
        Listener(task.source, voice.model, task.config, task.language, calibration.sentences[::2]),
        _journal(task, parts, calibration),
        task.log,
        progress.advance,
    )
    try:
        found = tuning.run()
    finally:
        scratch.unlink(missing_ok=True)
    for candidate in front_of(tuning.measured):
        task.log(f"front: {candidate.figures}; --param parts={candidate.choice}")
    return found


def _journal(task: Task, parts: tuple[Part, ...], calibration: SpokenSentences) -> Journal:
    """Return the journal of the search. Its figures do not depend on the goal."""
    same = {
        "source": sha256_of(task.source),
        "calibration": calibration.name,
        "tools": RECIPES["tune"].tool_versions(),
    }
    return Journal(task.training / "journal.json", same, parts)


class _Progress:
    """The progress of the job, of which some steps do not say how far they are."""

    def __init__(self, task: Task) -> None:
        self._task, self._share = task, _SEARCHING

    def show(self, what: str) -> None:
        """Show what is being done."""
        self._task.progress(what, self._share)

    def advance(self, what: str, share: float) -> None:
        """Show what is being done, and the share of the search that is over."""
        self._share = _SEARCHING + share * (_WRITING - _SEARCHING)
        self.show(what)
