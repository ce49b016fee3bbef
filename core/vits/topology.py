"""Recognizes the components of a VITS graph by structure: text encoder, duration predictor, alignment, flow, decoder.

It relies on landmarks that every VITS graph has, whatever the export named its nodes:
- durations are rounded up by a single `Ceil`; the duration predictor reaches the audio through it alone;
- the latent is drawn from noise once the durations are known: a `RandomNormalLike` downstream of the `Ceil`;
  the `Add` of this noise and the mean starts the flow;
- the decoder upsamples: it starts with the convolution in front of the first `ConvTranspose`.
(J. Kim, J. Kong, J. Son, "Conditional Variational Autoencoder with Adversarial Learning for End-to-End
Text-to-Speech", 2021.)
"""

from dataclasses import dataclass

from core.graph.errors import UnsupportedGraph
from core.graph.index import GraphIndex


@dataclass(frozen=True)
class Component:
    """One component of a voice's graph."""

    name: str
    positions: frozenset[int]
    """The positions of its nodes in the graph."""
    weight_bytes: int

    @property
    def nodes(self) -> int:
        """Return the number of its nodes."""
        return len(self.positions)


@dataclass(frozen=True)
class Topology:
    """The components of a voice's graph, and the tensors where flow and decoder start."""

    text: Component
    duration: Component
    alignment: Component
    flow: Component
    decoder: Component
    latent: str
    """The input of the flow."""
    decoder_input: str
    """The input of the decoder."""
    upsampling_stages: int

    @property
    def components(self) -> tuple[Component, ...]:
        """Return the components in the order of the data flow."""
        return self.text, self.duration, self.alignment, self.flow, self.decoder


def recognize(index: GraphIndex) -> Topology:
    """Return the topology of a voice's graph. Raises UnsupportedGraph if a landmark of VITS is missing."""
    first_conv = _decoder_start(index)
    decoder_input = index.nodes[first_conv].input[0]
    if decoder_input not in index.producer:
        raise UnsupportedGraph("no node produces the decoder's input")
    ceil = _durations(index)
    latent = _latent(index, ceil, index.producer[decoder_input])

    before_decoder = index.ancestors([index.producer[decoder_input]])
    before_latent = index.ancestors([latent])
    after_ceil = (index.descendants([ceil]) & before_latent) - {ceil}
    entering = {parent for position in after_ceil for parent in index.parents(position)} - after_ceil - {ceil}
    text = _depending_on_inputs(index, index.ancestors(entering))
    duration = index.ancestors([ceil]) - text
    alignment = before_latent - text - duration
    flow = before_decoder - before_latent
    decoder = index.ancestors(index.descendants([first_conv])) - before_decoder

    def component(name: str, nodes: set[int]) -> Component:
        return Component(name, frozenset(nodes), index.weight_bytes(nodes))

    return Topology(
        text=component("text", text),
        duration=component("duration", duration),
        alignment=component("alignment", alignment),
        flow=component("flow", flow),
        decoder=component("decoder", decoder),
        latent=index.nodes[latent].output[0],
        decoder_input=decoder_input,
        upsampling_stages=len(index.of_type("ConvTranspose")),
    )


def _decoder_start(index: GraphIndex) -> int:
    """Return the first convolution upstream of the first upsampler, past activations and added speaker conditioning."""
    upsamplers = index.of_type("ConvTranspose")
    if not upsamplers:
        raise UnsupportedGraph("no upsampling decoder (ConvTranspose)")
    position, visited = upsamplers[0], set[int]()
    while position not in visited:
        visited.add(position)
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
    """Return the Add of mean and noise: the first one downstream of the noise that is drawn after the durations."""
    after = index.descendants([ceil])
    upstream = index.ancestors([end])
    draws = [position for position in index.of_type("RandomNormalLike") if position in after and position in upstream]
    if not draws:
        raise UnsupportedGraph("no noise for the latent (RandomNormalLike after the durations)")
    downstream = index.descendants([draws[0]])
    adds = [position for position in index.of_type("Add") if position in downstream and position in upstream]
    if not adds:
        raise UnsupportedGraph("noise and mean of the latent are not added")
    return adds[0]


def _depending_on_inputs(index: GraphIndex, nodes: set[int]) -> set[int]:
    """Return those of `nodes` that depend on phonemes or speaker, not on constants or noise alone."""
    fed = {position for tensor in ("input", "input_lengths", "sid") for position in index.consumers.get(tensor, [])}
    return nodes & index.descendants(fed)
