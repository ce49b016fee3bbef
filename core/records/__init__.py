"""Records that the layers pass to each other: frozen dataclasses and enums, no SQL."""
