"""The convolutions inside the couplings of a VITS flow.

The flow is a sequence of couplings. Each is a WaveNet between two convolutions, one from half of the latent's channels to
the WaveNet's channels and one back. Only the convolutions inside tolerate errors: those two carry the latent itself.
"""

from collections import Counter

from core.graph.index import GraphIndex
from core.vits.convolution import plain_convolution
from core.vits.topology import Topology


def inner_convolutions(index: GraphIndex, topology: Topology) -> set[int]:
    """Return the positions of the convolutions inside the couplings.

    They read the WaveNet's channels, the most common number of channels in the flow, and produce no fewer.
    """
    after_latent = index.descendants(index.consumers[topology.latent])
    shapes = {
        position: plain[0].weight.shape
        for position in topology.flow.positions & after_latent
        if (plain := plain_convolution(index, index.nodes[position]))
    }
    if not shapes:
        return set()
    ((channels, _),) = Counter(inputs for _, inputs, _ in shapes.values()).most_common(1)
    return {position for position, (outputs, inputs, _) in shapes.items() if inputs == channels and outputs >= channels}
