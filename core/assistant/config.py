"""An assistant's configuration, read and parsed once, with the paths in it resolved."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from core.assistant.file import ConfigFile, read_file
from core.assistant.keys import ALL, COREML_PATH, FALLBACK_PATH, QUANTIZED_PATH, VOICE_PATH
from core.errors import InvalidInput
from core.users import expand_home
from core.yaml_edit.document import Document
from core.yaml_edit.scalar import Value

PATH_KEYS = (VOICE_PATH, QUANTIZED_PATH, COREML_PATH, FALLBACK_PATH)


@dataclass(frozen=True)
class AssistantConfig:
    """A configuration file at the time when it was read."""

    file: ConfigFile
    document: Document
    values: Mapping[str, Value | None]
    """The value of each key that ttsdash reads, None where it is not set."""
    paths: Mapping[str, Path | None]
    """The file that each path key names, if the key is set; None for a value that is not a valid path."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read and parse a file. Raises InvalidInput if it is not a readable YAML file."""
        return cls.parse(read_file(path))

    @classmethod
    def parse(cls, file: ConfigFile) -> Self:
        """Parse a file that has been read. Raises InvalidInput if it is not YAML."""
        document = Document(file.text, str(file.path))
        values = {key: document.value(key) for key in (*ALL, FALLBACK_PATH)}
        return cls(file, document, values, resolve_paths(values, file.path.parent))

    @property
    def loaded(self) -> tuple[str, Path] | None:
        """Return the key and the path of the model that the assistant loads: `voice_path`, or else `fallback_path`."""
        for key in (VOICE_PATH, FALLBACK_PATH):
            path = self.paths.get(key)
            if path:
                return key, path
        return None


def resolve_paths(values: Mapping[str, Value | None], folder: Path) -> dict[str, Path | None]:
    """Return the files that the path keys of a configuration in `folder` name, for the keys that are set."""
    return {key: resolve_path(values[key], folder) for key in PATH_KEYS if values.get(key) is not None}


def resolve_path(value: object, folder: Path) -> Path | None:
    """Return the file that a value of a configuration in `folder` names, None if it is not a valid path.

    A relative path is looked up in that folder, then in its parent.
    """
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        return None
    try:
        path = expand_home(Path(value))
        tried = [base / path for base in (folder, folder.parent)]
        found = next((entry for entry in tried if _is_there(entry)), tried[0])
        # Links to folders are resolved. A link to the voice itself is not: its configuration lies next to the link.
        return found.parent.resolve() / found.name
    except (OSError, RuntimeError, ValueError, InvalidInput):
        return None


def _is_there(path: Path) -> bool:
    """Return whether a file exists, as far as this user can see."""
    try:
        return path.exists()
    except PermissionError:
        return False
