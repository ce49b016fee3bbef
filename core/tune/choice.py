"""What can be chosen: the parts of a voice, the schemes that each can be computed and stored in, and one choice for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from core.errors import InvalidInput


class Scheme(StrEnum):
    """How a part is computed and stored. All but two are computed in fp32."""

    FP32 = "fp32"
    FP16 = "fp16"
    """Stored in 16 bits."""
    INT8 = "int8"
    """Stored in 8 bits, with a scale for each block of weights."""
    DYNAMIC = "dynamic"
    """Computed in int8, with ranges that are computed while the voice speaks."""
    STATIC = "static"
    """Computed in int8, with calibrated ranges."""
    INT4_32 = "int4-32"
    """Stored in 4 bits, rounded by GPTQ, with a scale for each 32 weights; the next two for more."""
    INT4_64 = "int4-64"
    INT4_128 = "int4-128"

    @property
    def block(self) -> int:
        """Return how many weights that are rounded by GPTQ share a scale; 0 for other schemes."""
        return {Scheme.INT4_32: 32, Scheme.INT4_64: 64, Scheme.INT4_128: 128}.get(self, 0)

    @property
    def bits(self) -> float:
        """Return the bits that a weight takes in the file, with its share of a scale in 16 bits."""
        bare = {Scheme.FP32: 32.0, Scheme.FP16: 16.0, Scheme.DYNAMIC: 8.0, Scheme.STATIC: 8.0, Scheme.INT8: 8.5}
        return bare.get(self) or 4.0 + 16 / self.block

    @property
    def is_rewritten(self) -> bool:
        """Return whether a convolution is replaced by other operators."""
        return self in (Scheme.DYNAMIC, Scheme.STATIC, *INT4)


INT4 = (Scheme.INT4_32, Scheme.INT4_64, Scheme.INT4_128)


class PartKind(StrEnum):
    """What a part is of."""

    TEXT = "text"
    DURATIONS = "durations"
    FLOW = "flow"
    STAGE = "stage"
    STORED = "stored"
    """Flow and decoder where they are computed in fp32."""


@dataclass(frozen=True)
class Part:
    """A part of a voice whose scheme is chosen."""

    name: str
    kind: PartKind
    schemes: tuple[Scheme, ...]
    """Those that it can have."""
    values: int
    """The number of its weights."""
    convolutions: frozenset[str] = frozenset()
    """The names of the outputs of its convolutions, which can be rewritten."""
    weights: frozenset[str] = frozenset()
    """The names of its weights in the voice's graph."""


@dataclass(frozen=True)
class Choice:
    """A scheme for each part of a voice, in the order of the parts."""

    schemes: tuple[tuple[str, Scheme], ...]

    @classmethod
    def of(cls, parts: Sequence[Part], schemes: Mapping[str, Scheme]) -> Self:
        """Return the choice of these schemes, by the names of the parts."""
        return cls(tuple((part.name, schemes[part.name]) for part in parts))

    def __getitem__(self, part: str) -> Scheme:
        return dict(self.schemes)[part]

    def replaced(self, changes: Mapping[str, Scheme]) -> "Choice":
        """Return the choice with other schemes for some parts."""
        return Choice(tuple((part, changes.get(part, scheme)) for part, scheme in self.schemes))

    def changes_from(self, other: "Choice") -> dict[str, Scheme]:
        """Return the schemes that differ from those of another choice, by part."""
        return {part: scheme for part, scheme in self.schemes if other[part] != scheme}

    def __str__(self) -> str:
        return ",".join(f"{part}:{scheme}" for part, scheme in self.schemes)


def read_choice(text: str, parts: Sequence[Part]) -> Choice:
    """Parse a choice as it is written in a lineage. Raises InvalidInput if it is not one for these parts."""
    given = dict(entry.partition(":")[::2] for entry in text.split(","))
    for part in parts:
        if given.get(part.name) not in part.schemes:
            written = f"{part.name}:{given[part.name]}" if part.name in given else f"nothing for {part.name}"
            allowed = " or ".join(part.schemes)
            raise InvalidInput(f"parts= has {written}: write {part.name}:SCHEME, where SCHEME is {allowed}")
    unknown = given.keys() - {part.name for part in parts}
    if unknown:
        known = ", ".join(part.name for part in parts)
        raise InvalidInput(f"parts= has {min(unknown)!r}, which this voice has not: its parts are {known}")
    return Choice.of(parts, {name: Scheme(scheme) for name, scheme in given.items()})
