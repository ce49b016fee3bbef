"""The convolutions of a VITS flow, by their place in it.

The flow is a row of couplings; each is a WaveNet between two convolutions that lead from half of the latent's channels to
the WaveNet's, and back. Only those inside err without harm: what leads in and out is the latent itself.
"""

from collections import Counter

import onnx

from core.graph.anatomy import Anatomy
from core.graph.convolutions import plain_convolution
from core.graph.index import GraphIndex


def inner_convolutions(model: onnx.ModelProto, anatomy: Anatomy) -> set[int]:
    """Where the convolutions inside the couplings stand: those that read the WaveNet's channels, and give no fewer."""
    index = GraphIndex(model.graph)
    behind = index.descendants(index.readers[anatomy.latent])
    shapes = {
        position: plain[0].weight.shape
        for position in anatomy.part("flow").positions & behind
        if (plain := plain_convolution(index, index.nodes[position]))
    }
    if not shapes:
        return set()
    ((channels, _),) = Counter(inside for _, inside, _ in shapes.values()).most_common(1)
    return {position for position, (outside, inside, _) in shapes.items() if inside == channels and outside >= channels}
