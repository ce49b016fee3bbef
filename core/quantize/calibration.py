"""Running a voice to observe the values of its tensors."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper

from core.graph.index import GraphIndex, drop_unused_initializers
from core.seed import SEED
from core.vits.piper_session import PiperSession
from core.voices.sentences import label_of
from core.voices.spoken_sentences import (
    SpokenSentences,
    Written,
    read_written,
    spoken_file,
    spoken_sentences,
)

Values = npt.NDArray[np.float32]

_SETS = Path(__file__).parent / "calibration_sets"
# Lengths of generated sentences in phonemes, like those of the written ones.
_GENERATED = (48, 44, 66, 36, 80, 25, 62, 52, 36, 66, 5, 74)
# Values kept of each tensor and sentence, besides the smallest and the largest.
_MAX_VALUES = 20_000


def calibration_sentences(config: dict[str, Any], language: str, file: Path | None) -> SpokenSentences:
    """Return the sentences of a file, or else those of ttsdash for a language (`en_US`) or generated for the voice.

    Raises InvalidInput for a file that the voice cannot say. The name goes into the lineage.
    """
    if file is not None:
        return spoken_file(config, language, file, label_of(file))
    return spoken_sentences(config, language, written_sentences(language), _GENERATED, "calibration")


def written_sentences(language: str) -> Written | None:
    """Return the sentences for the language of a voice, None if there are none."""
    found = read_written(_SETS, language, "sentences")
    return found and Written(found[0], tuple(found[1]))


def collect_values(
    model: onnx.ModelProto,
    tensors: Sequence[str],
    config: dict[str, Any],
    utterances: Sequence[list[int]],
    on_utterance: Callable[[int], None],
) -> dict[str, Values]:
    """Return a sample of each tensor's values while the voice speaks the utterances.

    `on_utterance` takes the number of each finished utterance.
    """
    random = np.random.default_rng(SEED)
    seen: dict[str, list[Values]] = {name: [] for name in tensors}
    for number, observed in enumerate(tensor_values(model, tensors, config, utterances)):
        on_utterance(number + 1)
        for name, values in observed.items():
            flat = values.reshape(-1)
            kept = flat if flat.size <= _MAX_VALUES else random.choice(flat, _MAX_VALUES, replace=False)
            seen[name] += [kept, np.array([flat.min(), flat.max()], np.float32)]
    return {name: np.concatenate(values) for name, values in seen.items()}


def tensor_values(
    model: onnx.ModelProto, tensors: Sequence[str], config: dict[str, Any], utterances: Sequence[list[int]]
) -> Iterator[dict[str, Values]]:
    """Yield all values of each tensor, utterance by utterance, with the voice's usual noise.

    The same call yields the same values.
    """
    if not tensors:
        return
    onnxruntime.set_seed(SEED)
    session = PiperSession(_upstream_model(tensors, model).SerializeToString())
    inference = config.get("inference", {})
    speakers = max(1, int(config.get("num_speakers", 1)))
    for number, ids in enumerate(utterances):
        values = session.run(
            ids,
            noise_scale=inference.get("noise_scale", 0.667),
            length_scale=inference.get("length_scale", 1.0),
            noise_w=inference.get("noise_w", 0.8),
            # Another speaker each time.
            speaker=number % speakers,
        )
        yield dict(zip(tensors, values, strict=True))


def _upstream_model(tensors: Sequence[str], model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model that only computes these tensors: ONNX Runtime would compute the rest, too."""
    index = GraphIndex(model.graph)
    needed = index.ancestors({index.producer[name] for name in tensors})
    upstream = onnx.ModelProto()
    upstream.CopyFrom(model)
    del upstream.graph.output[:]
    upstream.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in tensors)
    del upstream.graph.node[:]
    upstream.graph.node.extend(index.nodes[position] for position in sorted(needed))
    drop_unused_initializers(upstream.graph)
    return upstream
