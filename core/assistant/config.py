"""An assistant's configuration, read and parsed once, with the files that it names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from core.assistant.file import ConfigFile, read_file
from core.assistant.keys import ALL, COREML_PATH, FALLBACK_PATH, QUANTIZED_PATH, VOICE_PATH
from core.yaml_edit.document import Document
from core.yaml_edit.scalar import Value

PATH_KEYS = (VOICE_PATH, QUANTIZED_PATH, COREML_PATH, FALLBACK_PATH)


@dataclass(frozen=True)
class AssistantConfig:
    """A configuration as it was when it was read."""

    file: ConfigFile
    document: Document
    values: Mapping[str, Value | None]
    """The value of each key that matters, None where it is not set."""
    paths: Mapping[str, Path | None]
    """The file that each path key names, without those that are not set; None for a value that can name no file."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read and parse a file. Raises BadInput for what is no YAML file."""
        return cls.parse(read_file(path))

    @classmethod
    def parse(cls, file: ConfigFile) -> Self:
        """Parse a file that was read. Raises BadInput for what is not YAML."""
        document = Document(file.text, str(file.path))
        values = {key: document.value(key) for key in (*ALL, FALLBACK_PATH)}
        return cls(file, document, values, resolve_paths(values, file.path.parent))

    @property
    def loaded(self) -> tuple[str, Path] | None:
        """Return the key and the path of the model that today's assistant loads: `voice_path`, without it `fallback_path`."""
        for key in (VOICE_PATH, FALLBACK_PATH):
            path = self.paths.get(key)
            if path:
                return key, path
        return None


def resolve_paths(values: Mapping[str, Value | None], folder: Path) -> dict[str, Path | None]:
    """Return the files that the path keys of a configuration in `folder` name, without those that are not set."""
    return {key: located(values[key], folder) for key in PATH_KEYS if values.get(key) is not None}


def located(value: object, folder: Path) -> Path | None:
    """Return the file that a value in a configuration in `folder` names; None if it can name none.

    A relative path is tried from that folder, then from the one above it.
    """
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        return None
    try:
        path = Path(value).expanduser()
        tried = [base / path for base in (folder, folder.parent)]
        found = next((entry for entry in tried if entry.exists()), tried[0])
        # Links to folders are followed; one that is a voice's file has the configuration beside it.
        return found.parent.resolve() / found.name
    except (OSError, RuntimeError, ValueError):
        return None
