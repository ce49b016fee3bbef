"""Voices and their variants, with their lineage."""

from dataclasses import dataclass, field
from typing import Any

from core.errors import NotFound

NOT_RUN = "converted, not yet run on a Mac"
"""The caveat of a Core ML variant until Core ML has run it."""


ORIGINAL = "original"


@dataclass(frozen=True)
class Variant:
    """One form of a voice, with its lineage."""

    voice: str
    name: str
    path: str
    size_bytes: int
    sha256: str
    recipe: str | None
    params: dict[str, Any]
    source_sha256: str | None
    tools: dict[str, str]
    job_id: int | None
    created_at: str

    @property
    def caveat(self) -> str | None:
        """Return the note that every table shows beside the name, None if there is none."""
        return NOT_RUN if self.recipe == "coreml" and "run_on" not in self.params else None


@dataclass(frozen=True)
class Voice:
    """A registered voice. Its files stay where the user keeps them."""

    id: str
    key: str
    path: str
    size_bytes: int
    sample_rate: int
    speakers: int
    language: str
    config: dict[str, Any]
    anatomy: dict[str, Any]
    added_at: str
    variants: tuple[Variant, ...] = field(default=())

    def variant(self, name: str) -> Variant:
        """Return the current variant of that name. Raises NotFound."""
        for variant in self.variants:
            if variant.name == name:
                return variant
        known = ", ".join(variant.name for variant in self.variants)
        raise NotFound(f"{self.key} has no variant {name!r}; it has: {known}")
