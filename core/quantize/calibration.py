"""Runs a voice, and keeps what its tensors were: on calibration sentences, or on phonemes drawn at random."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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
from core.voices.phonemes import phoneme_ids
from core.voices.sentences import label_of, read_sentences

Values = npt.NDArray[np.float32]

_SETS = Path(__file__).parent / "calibration_sets"
# Of each tensor and sentence so many values are kept, and always the smallest and the largest.
_KEPT = 20_000


@dataclass(frozen=True)
class Sentences:
    """What to calibrate with. `name` says which set, for the lineage."""

    name: str
    sentences: list[str]


def sentences_for(language: str, file: Path | None) -> Sentences:
    """The file's, or those of the program for a language (`en_US`); the English ones where it has none."""
    if file is not None:
        return Sentences(label_of(file), read_sentences(file))
    family = language.replace("-", "_").split("_")[0].lower()
    path = _SETS / f"{family}.json"
    if not path.is_file():
        family, path = "en", _SETS / "en.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    return Sentences(f"{family} v{content['version']}", content["sentences"])


def phonemes_of(config: dict[str, Any], sentences: Sequence[str]) -> list[list[int]]:
    return [phoneme_ids(config, sentence) for sentence in sentences]


def observe(
    model: onnx.ModelProto,
    tensors: Sequence[str],
    config: dict[str, Any],
    utterances: Sequence[list[int]],
    tell: Callable[[int], None],
) -> dict[str, Values]:
    """Values of each tensor while the voice says these, a sample of them; `tell` takes the utterance's number."""
    random = np.random.default_rng(SEED)
    seen: dict[str, list[Values]] = {name: [] for name in tensors}
    for number, shown in enumerate(run(model, tensors, config, utterances)):
        tell(number + 1)
        for name, values in shown.items():
            flat = values.reshape(-1)
            kept = flat if flat.size <= _KEPT else random.choice(flat, _KEPT, replace=False)
            seen[name] += [kept, np.array([flat.min(), flat.max()], np.float32)]
    return {name: np.concatenate(values) for name, values in seen.items()}


def run(
    model: onnx.ModelProto, tensors: Sequence[str], config: dict[str, Any], utterances: Sequence[list[int]]
) -> Iterator[dict[str, Values]]:
    """All values of each tensor, utterance by utterance, with the noise that the voice speaks with.

    The same call gives the same values.
    """
    if not tensors:
        return
    onnxruntime.set_seed(SEED)
    session = PiperSession(_only_what_leads_to(tensors, model).SerializeToString())
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


def _only_what_leads_to(tensors: Sequence[str], model: onnx.ModelProto) -> onnx.ModelProto:
    """ONNX Runtime would compute the rest, too."""
    index = GraphIndex(model.graph)
    needed = index.ancestors({index.producer[name] for name in tensors})
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    del shown.graph.output[:]
    shown.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in tensors)
    del shown.graph.node[:]
    shown.graph.node.extend(index.nodes[position] for position in sorted(needed))
    drop_unused_initializers(shown.graph)
    return shown
