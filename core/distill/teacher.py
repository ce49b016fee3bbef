"""The voice as a teacher: latents of sentences, what its own decoder makes of them, and what a student will see of them.

The student stands behind the first stages of the decoder, which are published in int8, like the flow in front of them. So it
is trained on what these compute, while its target is the audio of the original.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper

from core.distill.sentences import Utterance
from core.graph.builder import GraphBuilder
from core.graph.index import GraphIndex, drop_unused_initializers, unused_prefix
from core.graph.ort_session import open_session
from core.rewrite.chunked_decoder import ChooseKernel, write_first_stages
from core.seed import SEED
from core.vits.hifigan import Decoder
from core.vits.piper_session import PiperSession
from core.vits.split import split_model

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Lesson:
    """A sentence as the teacher speaks it."""

    activations: Values
    """What the student reads, [channels, positions]."""
    samples: Values
    """[samples]"""


class Teacher:
    """Speaks sentences one after the other. The same sentences in the same order always give the same lessons."""

    def __init__(
        self,
        original: onnx.ModelProto,
        with_int8_flow: onnx.ModelProto,
        decoder: Decoder,
        choose: ChooseKernel,
        threads: int,
    ) -> None:
        """Open the original, and the model whose decoder's first stages run with the kernels of `choose`."""
        onnxruntime.set_seed(SEED)
        halves = split_model(original)
        self._hop = halves.split_point.hop_length
        self._encoder = PiperSession(halves.encoder.SerializeToString(), threads)
        self._decoder = open_session(halves.decoder.SerializeToString(), threads)
        trunk = _trunk(split_model(with_int8_flow).decoder, decoder, choose)
        self._trunk = open_session(trunk.SerializeToString(), threads)

    def latents(self, utterance: Utterance) -> Callable[[], Lesson]:
        """Draw the latents of a sentence, which is cheap, and return what computes the lesson.

        All sentences before one must be drawn, whether or not their lessons are needed: they share one stream of noise.
        """
        drawn = self._encoder.run(
            utterance.ids, utterance.noise_scale, utterance.length_scale, utterance.noise_w, utterance.speaker
        )
        feeds = dict(zip(self._encoder.outputs, drawn, strict=True))
        return lambda: self._lesson(feeds)

    def _lesson(self, latents: dict[str, Values]) -> Lesson:
        (samples,) = self._run(self._decoder, latents)
        (activations,) = self._run(self._trunk, latents)
        return Lesson(activations[0].T, samples.reshape(-1))

    @staticmethod
    def _run(session: onnxruntime.InferenceSession, latents: dict[str, Values]) -> list[Values]:
        outputs: list[Values] = session.run(None, {entry.name: latents[entry.name] for entry in session.get_inputs()})
        return outputs


def _trunk(half: onnx.ModelProto, decoder: Decoder, choose: ChooseKernel) -> onnx.ModelProto:
    """Return a decoder half that ends behind the first stages, with the output [1, positions, channels]."""
    b = GraphBuilder(unused_prefix(half.graph, "/trunk"))
    output = write_first_stages(b, decoder, choose)
    index = GraphIndex(half.graph)
    before = [index.nodes[position] for position in sorted(index.ancestors([index.producer[decoder.input]]))]
    trunk = onnx.ModelProto()
    trunk.CopyFrom(half)
    graph = trunk.graph
    for field, entries in (
        (graph.node, [*before, *b.nodes]),
        (graph.output, [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]),
    ):
        del field[:]
        field.extend(entries)
    graph.initializer.extend(b.constants)
    drop_unused_initializers(graph)
    return trunk
