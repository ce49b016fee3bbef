"""Building a voice with a scheme for each part. What is calibrated and rounded is kept: a search asks for it again."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from core.graph.builder import GraphBuilder
from core.graph.model import save_model
from core.quantize.calibration import collect_values
from core.quantize.gptq import Matrix, gptq
from core.quantize.hessians import collect_hessians
from core.quantize.kernels import int4_blocks
from core.quantize.kernels.dynamic_int8 import DynamicInt8, convolve_standalone
from core.quantize.kernels.static_int8 import Ranges, StaticConvolutions, StaticInt8
from core.quantize.kernels.weight_storage import drop_node_names, store_as_fp16, store_as_int8
from core.quantize.ranges import fit_range
from core.quantize.steps import convolutions_at
from core.rewrite.channels_last import as_matrix
from core.rewrite.chunked_decoder import Chunking, rewrite_decoder
from core.rewrite.inplace_convolutions import rewrite_convolutions
from core.rewrite.nchwc import NCHWc
from core.rewrite.stage import MakeKernel
from core.tune.choice import Choice, Part, Scheme
from core.tune.parts import DECODER, stage_name
from core.vits.convolution import Convolution
from core.vits.hifigan import Decoder, Stage
from core.vits.voice_graph import VoiceGraph

Rounded = tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]
# Stages whose convolutions round their outputs where ranges are calibrated, as in the recipe `static`.
_REQUANTIZED_STAGES = 1


class VariantBuilder:
    """Builds variants of one voice, which is simplified already."""

    def __init__(
        self,
        voice: VoiceGraph,
        decoder: Decoder,
        parts: Sequence[Part],
        config: dict[str, object],
        utterances: Sequence[list[int]],
        rounding_utterances: Sequence[list[int]],
        report: Callable[[str], None],
    ) -> None:
        """Take the utterances that ranges are calibrated on, and those that weights are rounded for.

        `report` takes what is being done when that takes a while.
        """
        self._voice, self._decoder, self.parts, self._config = voice, decoder, parts, config
        self._utterances, self._rounding_utterances, self._report = utterances, rounding_utterances, report
        self._rounded: dict[tuple[str, int], Rounded] = {}
        self._part_of = {output: part.name for part in parts for output in part.convolutions}

    def write(self, choice: Choice, target: Path) -> None:
        """Write the voice with these schemes."""
        model = onnx.ModelProto()
        model.CopyFrom(self._voice.model)
        self._rewrite_convolutions(model.graph, choice)
        model = rewrite_decoder(VoiceGraph(model), Chunking(), partial(self._kernel, choice), self._decoder)
        self._store(model.graph, choice)
        save_model(model, target)

    def _rewrite_convolutions(self, graph: onnx.GraphProto, choice: Choice) -> None:
        rewritten = {output for output, part in self._part_of.items() if choice[part].is_rewritten}
        positions = {number for number, node in enumerate(graph.node) if node.output[0] in rewritten}

        def write(b: GraphBuilder, x: str, conv: Convolution, padding: int) -> str:
            scheme = choice[self._part_of[conv.output]]
            if scheme is Scheme.DYNAMIC:
                return convolve_standalone(b, x, conv, padding)
            if scheme is Scheme.STATIC:
                return StaticConvolutions(b, self._ranges).convolve(x, conv, padding)
            return int4_blocks.convolve(b, x, conv, padding, *self._round(conv, scheme.block), scheme.block)

        rewrite_convolutions(graph, positions, "/integer", write)

    def _kernel(self, choice: Choice, number: int, stage: Stage) -> MakeKernel:
        scheme = dict(choice.schemes).get(stage_name(number), Scheme.FP32)
        if scheme is Scheme.STATIC:
            return partial(StaticInt8, self._ranges, self._requantized)
        return DynamicInt8 if scheme is Scheme.DYNAMIC else NCHWc

    def _store(self, graph: onnx.GraphProto, choice: Choice) -> None:
        """Store fp32 weights as their parts ask for. Those that rewriting has made are the decoder's."""
        own = {weight: choice[part.name] for part in self.parts for weight in part.weights}
        in_fp16 = {weight for weight, scheme in own.items() if scheme is Scheme.FP16}
        in_fp32 = {weight for weight, scheme in own.items() if scheme is Scheme.FP32}
        store_as_fp16(graph, in_fp16)
        store_rest = store_as_int8 if choice[DECODER] is Scheme.INT8 else store_as_fp16
        store_as_int8(graph, own.keys() - in_fp16 - in_fp32)
        store_rest(graph, _all_weights(graph) - own.keys())
        drop_node_names(graph)

    def _round(self, conv: Convolution, block: int) -> Rounded:
        key = conv.output, block
        if key not in self._rounded:
            matrix = as_matrix(conv.weight).T
            self._rounded[key] = gptq(matrix, self._hessians[conv.output], int4_blocks.MAX_WEIGHT, block)
        return self._rounded[key]

    @cached_property
    def _convolutions(self) -> list[tuple[Convolution, int]]:
        nodes = enumerate(self._voice.index.nodes)
        return convolutions_at(self._voice, {number for number, node in nodes if node.output[0] in self._part_of})

    @cached_property
    def _hessians(self) -> dict[str, Matrix]:
        count = len(self._rounding_utterances)
        return collect_hessians(
            self._voice.model,
            self._config,
            self._rounding_utterances,
            self._convolutions,
            lambda number: self._report(f"running the voice to round weights, sentence {number} of {count}"),
        )

    @cached_property
    def _ranges(self) -> Ranges:
        stages = _convolutions_of(self._decoder.stages[:-1])
        inputs = [conv.input for conv in stages] + [stage.upsampler.input for stage in self._decoder.stages[:-1]]
        flow = [conv.input for conv, _ in self._convolutions if self._allows_static(conv)]
        count = len(self._utterances)
        values = collect_values(
            self._voice.model,
            list(dict.fromkeys([*flow, *inputs, *self._requantized])),
            self._config,
            self._utterances,
            lambda number: self._report(f"calibrating, sentence {number} of {count}"),
        )
        return {name: fit_range(seen, "mse") for name, seen in values.items()}

    def _allows_static(self, conv: Convolution) -> bool:
        part = self._part_of[conv.output]
        return any(Scheme.STATIC in one.schemes for one in self.parts if one.name == part)

    @cached_property
    def _requantized(self) -> list[str]:
        return [conv.output for conv in _convolutions_of(self._decoder.stages[:-1][:_REQUANTIZED_STAGES])]


def _convolutions_of(stages: Sequence[Stage]) -> list[Convolution]:
    return [conv for stage in stages for block in stage.blocks for step in block for conv in step]


def _all_weights(graph: onnx.GraphProto) -> set[str]:
    """Return the names of all weights, including those in the body of a loop."""
    bodies = [attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")]
    return {tensor.name for tensor in graph.initializer}.union(*map(_all_weights, bodies))
