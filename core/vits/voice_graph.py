"""A voice's graph and its structure, analysed once."""

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import onnx

from core.graph.errors import UnsupportedGraph
from core.graph.index import GraphIndex
from core.vits.hifigan import Decoder, read_decoder
from core.vits.topology import Topology, recognize

T = TypeVar("T")


class VoiceGraph:
    """The graph of a voice. Each analysis runs on first use; the graph must not change afterwards."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model

    @cached_property
    def index(self) -> GraphIndex:
        """Return the index over the graph."""
        return GraphIndex(self.model.graph)

    @property
    def topology(self) -> Topology | None:
        """Return the components of the graph; None if it does not have the structure of VITS."""
        return self._topology[0]

    @property
    def unsupported(self) -> str | None:
        """Return why there is no topology."""
        return self._topology[1]

    @property
    def decoder(self) -> Decoder | None:
        """Return the decoder's structure and weights; None if it is not HiFi-GAN's generator."""
        return self._decoder[0]

    @property
    def unsupported_decoder(self) -> str | None:
        """Return why the decoder could not be read."""
        return self._decoder[1]

    @cached_property
    def _topology(self) -> tuple[Topology | None, str | None]:
        return self._analysed(recognize)

    @cached_property
    def _decoder(self) -> tuple[Decoder | None, str | None]:
        return self._analysed(read_decoder)

    def _analysed(self, analyse: Callable[[GraphIndex], T]) -> tuple[T | None, str | None]:
        """Return the result of an analysis, or the reason why there is none."""
        try:
            return analyse(self.index), None
        except UnsupportedGraph as reason:
            return None, str(reason)
