"""The parts of a voice that a scheme is chosen for.

Of the text encoder they are the attention and the feed-forward convolutions of each layer, the projection behind them, and
the rest, which is its embedding; then the durations, the couplings of the flow, what carries the latent between them, the
decoder's first convolution, its stages, and the weights of the decoder that are computed in fp32.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from core.graph.errors import UnsupportedGraph
from core.graph.index import inputs_of
from core.quantize.steps import MIN_INT8_CHANNELS
from core.tune.choice import INT4, Part, PartKind, Scheme
from core.vits.convolution import Convolution, plain_convolution
from core.vits.coupling import inner_convolutions
from core.vits.hifigan import Decoder, Stage
from core.vits.topology import Topology
from core.vits.voice_graph import VoiceGraph

DECODER = "decoder"
"""The part that has every weight that no other part has."""
# In each, what is next to a scheme has the next larger or smaller file, or is as large and faster.
_STORED = (Scheme.FP16, Scheme.INT8)
# The durations of sounds are read off the text encoder, so fp32 is a choice there.
_TEXT = (Scheme.FP32, *_STORED)
_TEXT_CONVOLUTIONS = (Scheme.FP32, Scheme.FP16, Scheme.DYNAMIC, Scheme.INT8, *INT4)
_FLOW = (Scheme.FP16, Scheme.INT8, Scheme.STATIC, Scheme.DYNAMIC, *INT4)
_STAGE = (Scheme.FP32, Scheme.DYNAMIC, Scheme.STATIC)

Named = tuple[str, Convolution]
"""The name of a convolution's weight in the graph, and the convolution."""


def stage_name(number: int) -> str:
    """Return the name of a stage of the decoder, by its position."""
    return f"stage-{number + 1}"


def parts_of(voice: VoiceGraph) -> tuple[Part, ...]:
    """Return the parts of a voice. Raises UnsupportedGraph if one of its components is not recognized."""
    topology, decoder = voice.topology, voice.decoder
    if topology is None or decoder is None:
        raise UnsupportedGraph(voice.unsupported if topology is None else voice.unsupported_decoder)
    found = [
        *_text_parts(voice, topology),
        _rest("durations", PartKind.DURATIONS, voice, topology.duration.positions, _TEXT, ()),
    ]
    found += _flow_parts(voice, topology)
    found += [
        # Its weights are its own only in int8; in fp32 it is stored as the decoder is.
        Part(stage_name(number), PartKind.STAGE, _STAGE, _values_of_stage(stage))
        for number, stage in enumerate(decoder.stages[:-1])
        if stage.channels >= MIN_INT8_CHANNELS
    ]
    found.append(Part(DECODER, PartKind.STORED, _STORED, _values_of_decoder(decoder)))
    return tuple(part for part in _without_shared(found) if part.values)


def _without_shared(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield the parts, in which a weight that several read belongs to the first."""
    taken: frozenset[str] = frozenset()
    for part in parts:
        yield replace(part, weights=part.weights - taken)
        taken |= part.weights


def _text_parts(voice: VoiceGraph, topology: Topology) -> Iterator[Part]:
    """Yield the attention and the feed-forward convolutions of each layer: those with one tap, and with several."""
    named = _convolutions(voice, topology.text.positions)
    runs = [list(run) for _, run in groupby(named, key=lambda entry: entry[1].taps > 1)]
    layers = sum(run[0][1].taps > 1 for run in runs)
    layer = 1
    for run in runs:
        if run[0][1].taps > 1:
            yield _convolving(f"feed-forward-{layer}", PartKind.TEXT, run, _TEXT_CONVOLUTIONS)
            layer += 1
        else:
            yield _convolving(
                f"attention-{layer}" if layer <= layers else "projection", PartKind.TEXT, run, _TEXT_CONVOLUTIONS
            )
    yield _rest("embedding", PartKind.TEXT, voice, topology.text.positions, _TEXT, [name for name, _ in named])


def _flow_parts(voice: VoiceGraph, topology: Topology) -> Iterator[Part]:
    """Yield the couplings, runs of convolutions between those that carry the latent, then those and the decoder's first."""
    index = voice.index
    inner = {index.nodes[position].output[0] for position in inner_convolutions(index, topology)}
    named = _convolutions(voice, topology.flow.positions)
    runs = [list(run) for is_inner, run in groupby(named, key=lambda entry: entry[1].output in inner) if is_inner]
    for number, run in enumerate(runs, 1):
        yield _convolving(f"coupling-{number}", PartKind.FLOW, run, _FLOW)
    taken = [name for run in runs for name, _ in run]
    yield _rest("latent", PartKind.STORED, voice, topology.flow.positions, _STORED, taken)
    yield _convolving(
        "decoder-input", PartKind.FLOW, _convolutions(voice, index.consumers[topology.decoder_input]), _FLOW
    )


def _convolutions(voice: VoiceGraph, positions: Collection[int]) -> list[Named]:
    """Return the plain convolutions at these positions, in the order of the graph."""
    nodes = [voice.index.nodes[position] for position in sorted(positions)]
    return [(node.input[1], plain[0]) for node in nodes if (plain := plain_convolution(voice.index, node))]


def _convolving(name: str, kind: PartKind, named: Sequence[Named], schemes: tuple[Scheme, ...]) -> Part:
    return Part(
        name,
        kind,
        schemes,
        sum(conv.weight.size for _, conv in named),
        frozenset(conv.output for _, conv in named),
        frozenset(weight for weight, _ in named),
    )


def _rest(
    name: str,
    kind: PartKind,
    voice: VoiceGraph,
    positions: Collection[int],
    schemes: tuple[Scheme, ...],
    taken: Collection[str],
) -> Part:
    """Return a part of all weights at these positions that are not `taken`."""
    initializers = voice.index.initializers
    read = {weight for position in positions for weight in inputs_of(voice.index.nodes[position])}
    weights = frozenset(weight for weight in read & initializers.keys() if weight not in taken)
    return Part(name, kind, schemes, sum(math.prod(initializers[weight].dims) for weight in weights), weights=weights)


def _values_of_stage(stage: Stage) -> int:
    weights = [conv.weight for block in stage.blocks for step in block for conv in step]
    return stage.upsampler.weight.size + sum(weight.size for weight in weights)


def _values_of_decoder(decoder: Decoder) -> int:
    return decoder.head.last.weight.size + sum(map(_values_of_stage, decoder.stages))
