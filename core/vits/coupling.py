"""The convolutions of a VITS flow, by their place in it.

The flow is a row of couplings; each is a WaveNet between two convolutions that lead from half of the latent's channels to
the WaveNet's, and back. Only those inside err without harm: what leads in and out is the latent itself.
"""

from collections import Counter

from core.graph.index import GraphIndex
from core.vits.convolution import plain_convolution
from core.vits.topology import Topology


def inner_convolutions(index: GraphIndex, topology: Topology) -> set[int]:
    """Where the convolutions inside the couplings stand: those that read the WaveNet's channels, and give no fewer."""
    behind = index.descendants(index.readers[topology.latent])
    shapes = {
        position: plain[0].weight.shape
        for position in topology.flow.positions & behind
        if (plain := plain_convolution(index, index.nodes[position]))
    }
    if not shapes:
        return set()
    ((channels, _),) = Counter(inside for _, inside, _ in shapes.values()).most_common(1)
    return {position for position, (outside, inside, _) in shapes.items() if inside == channels and outside >= channels}
