"""Voices and their variants, with their lineage."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from core.errors import NotFound

NOT_RUN = "converted, not yet run on a Mac"
"""The caveat of a Core ML variant until Core ML has run it."""


ORIGINAL = "original"


class Outdated(StrEnum):
    """What has changed since a variant was made. The values are part of the JSON output."""

    SOURCE = "source"
    CONFIG = "configuration"

    @property
    def reason(self) -> str:
        """Return it in words."""
        if self is Outdated.SOURCE:
            return "outdated, made from an earlier file of this voice"
        return "outdated, made with an earlier configuration of this voice"


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
    config_sha256: str | None = None
    """The checksum of the voice's configuration, as `core.voices.file.config_sha256` returns it; None if not recorded."""
    outdated: Outdated | None = None
    """None if it was made from what the voice is now, or if nothing is known about that."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """Return what every table shows beside the name."""
        outdated = self.outdated.reason if self.outdated else None
        return tuple(remark for remark in (outdated, self.caveat) if remark)

    @property
    def caveat(self) -> str | None:
        """Return why it is not verified although its files are intact; None if it is."""
        return NOT_RUN if self.recipe == "coreml" and "run_on" not in self.params else None


@dataclass(frozen=True)
class Voice:
    """A registered voice. Its files stay where the user keeps them."""

    id: str
    """It never changes. It is the checksum of the voice's first source, unless another voice has that id."""
    key: str
    path: str
    """The file, or the link to it, by which it was added: one path is one voice, whatever the file's content."""
    size_bytes: int
    sample_rate: int
    speakers: int
    language: str
    config: dict[str, Any]
    anatomy: dict[str, Any]
    added_at: str
    variants: tuple[Variant, ...] = field(default=())
    folder: str = ""
    """The name of its folder in `optimized_models/` and `recordings/`. It stays when the voice is renamed."""

    @property
    def source_sha256(self) -> str:
        """Return the checksum of the file as it was last added. Results refer to voices by it."""
        return next((variant.sha256 for variant in self.variants if variant.name == ORIGINAL), self.id)

    @property
    def current_variants(self) -> tuple[Variant, ...]:
        """Return the original and the variants that are not outdated."""
        return tuple(variant for variant in self.variants if variant.outdated is None)

    @property
    def outdated_variants(self) -> tuple[Variant, ...]:
        """Return the variants that were made from something else than what the voice is now."""
        return tuple(variant for variant in self.variants if variant.outdated)

    def config_of(self, variant: Variant) -> dict[str, Any] | None:
        """Return the content that the configuration of a variant must have; None if it is the user's, or not known."""
        known = variant.recipe is not None and variant.outdated is not Outdated.CONFIG
        return self.config if known else None

    def variant(self, name: str) -> Variant:
        """Return the current variant of that name. Raises NotFound."""
        for variant in self.variants:
            if variant.name == name:
                return variant
        known = ", ".join(variant.name for variant in self.variants)
        raise NotFound(f"{self.key} has no variant {name!r}; it has: {known}")
