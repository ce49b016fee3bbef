"""Finds the parts of a VITS graph by its structure: text encoder, duration predictor, alignment, flow, decoder.

The landmarks are what VITS cannot do without, whatever the export called its nodes:
- durations are rounded up: one `Ceil`; the duration predictor is what reaches the audio through it alone;
- the latent is drawn from noise once the durations are known: a `RandomNormalLike` down the stream of the `Ceil`;
  the `Add` that puts the noise to the mean starts the flow;
- the decoder upsamples: it starts with the convolution in front of the first `ConvTranspose`.
(J. Kim, J. Kong, J. Son, "Conditional Variational Autoencoder with Adversarial Learning for End-to-End
Text-to-Speech", 2021.)
"""

from dataclasses import dataclass

from core.graph.errors import UnsupportedGraph
from core.graph.index import GraphIndex


@dataclass(frozen=True)
class Part:
    """One part of a voice's graph."""

    name: str
    positions: frozenset[int]
    """Where its nodes stand in the graph."""
    weight_bytes: int

    @property
    def nodes(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class Topology:
    """The parts of a voice's graph, and the tensors at which flow and decoder can be cut off."""

    text: Part
    duration: Part
    alignment: Part
    flow: Part
    decoder: Part
    latent: str
    """What enters the flow."""
    decoder_input: str
    """What enters the decoder."""
    upsampling_stages: int

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return the parts in the order of the data flow."""
        return self.text, self.duration, self.alignment, self.flow, self.decoder


def dissect(index: GraphIndex) -> Topology:
    """Return the topology of a voice's graph. Raises NotRecognised if it lacks a landmark of VITS."""
    first_conv = _decoder_start(index)
    decoder_input = index.nodes[first_conv].input[0]
    if decoder_input not in index.producer:
        raise UnsupportedGraph("nothing feeds the decoder")
    ceil = _durations(index)
    latent = _latent(index, ceil, index.producer[decoder_input])

    before_decoder = index.ancestors([index.producer[decoder_input]])
    before_latent = index.ancestors([latent])
    after_ceil = (index.descendants([ceil]) & before_latent) - {ceil}
    entering = {parent for position in after_ceil for parent in index.parents(position)} - after_ceil - {ceil}
    text = _hanging_on_inputs(index, index.ancestors(entering))
    duration = index.ancestors([ceil]) - text
    alignment = before_latent - text - duration
    flow = before_decoder - before_latent
    decoder = index.ancestors(index.descendants([first_conv])) - before_decoder

    def part(name: str, nodes: set[int]) -> Part:
        return Part(name, frozenset(nodes), index.weight_bytes(nodes))

    return Topology(
        text=part("text", text),
        duration=part("duration", duration),
        alignment=part("alignment", alignment),
        flow=part("flow", flow),
        decoder=part("decoder", decoder),
        latent=index.nodes[latent].output[0],
        decoder_input=decoder_input,
        upsampling_stages=len(index.of_type("ConvTranspose")),
    )


def _decoder_start(index: GraphIndex) -> int:
    """The convolution that the first upsampler reads, past activations and a speaker's added conditioning."""
    upsamplers = index.of_type("ConvTranspose")
    if not upsamplers:
        raise UnsupportedGraph("no upsampling decoder (ConvTranspose)")
    position, passed = upsamplers[0], set[int]()
    while position not in passed:
        passed.add(position)
        tensor = next(iter(index.nodes[position].input), "")
        if tensor not in index.producer:
            break
        position = index.producer[tensor]
        if index.nodes[position].op_type == "Conv" and index.nodes[position].input:
            return position
    raise UnsupportedGraph("no convolution in front of the decoder's first upsampler")


def _durations(index: GraphIndex) -> int:
    ceils = index.of_type("Ceil")
    if len(ceils) != 1:
        raise UnsupportedGraph(f"{len(ceils)} roundings of durations (Ceil) instead of one")
    return ceils[0]


def _latent(index: GraphIndex, ceil: int, end: int) -> int:
    """The Add of mean and noise: the first one down the stream of the noise that is drawn after the durations."""
    after = index.descendants([ceil])
    way = index.ancestors([end])
    draws = [position for position in index.of_type("RandomNormalLike") if position in after and position in way]
    if not draws:
        raise UnsupportedGraph("no noise for the latent (RandomNormalLike after the durations)")
    down = index.descendants([draws[0]])
    adds = [position for position in index.of_type("Add") if position in down and position in way]
    if not adds:
        raise UnsupportedGraph("noise and mean of the latent are never added")
    return adds[0]


def _hanging_on_inputs(index: GraphIndex, nodes: set[int]) -> set[int]:
    """Those of `nodes` that the phonemes or the speaker reach: neither constants nor plain noise."""
    fed = {position for tensor in ("input", "input_lengths", "sid") for position in index.readers.get(tensor, [])}
    return nodes & index.descendants(fed)
