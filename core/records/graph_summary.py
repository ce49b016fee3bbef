"""The summary of a voice's graph, which the database and JSON output keep as a plain object."""

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class ComponentSummary:
    """One component of a voice's graph."""

    name: str
    nodes: int
    weight_bytes: int


@dataclass(frozen=True)
class GraphSummary:
    """The size of a voice's graph and of its components."""

    opset: int | None
    nodes: int | None
    components: tuple[ComponentSummary, ...] = ()
    upsampling_stages: int | None = None
    unrecognized: str | None = None
    """Why there are no components: the graph does not have the structure of VITS."""
    decoder_recognized: bool = True
    """Whether at least the decoder was recognized, if there are no components."""
    quantized: bool = False
    """Whether the graph computes or stores in integers already."""

    def to_json(self) -> dict[str, Any]:
        """Return the object for the database and JSON output."""
        described: dict[str, Any] = {"opset": self.opset, "nodes": self.nodes}
        if self.quantized:
            described["quantized"] = True
        if self.unrecognized is not None:
            return described | {"unrecognised": self.unrecognized, "decoder_recognized": self.decoder_recognized}
        parts = [vars(component) for component in self.components]
        return described | {"parts": parts, "upsampling_stages": self.upsampling_stages}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Parse the object that `to_json` returned."""
        return cls(
            opset=stored.get("opset"),
            nodes=stored.get("nodes"),
            components=tuple(ComponentSummary(**part) for part in stored.get("parts", [])),
            upsampling_stages=stored.get("upsampling_stages"),
            unrecognized=stored.get("unrecognised"),
            # A voice that an earlier version registered may have neither.
            decoder_recognized=stored.get("decoder_recognized", True),
            quantized=stored.get("quantized", False),
        )
