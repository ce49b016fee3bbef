"""An assistant's configuration, read and parsed once, with the paths in it resolved.

ttsdash knows the keys of one assistant, below `models.tts.piper`. In the file of another assistant it sets nothing but the key
that the user has named.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from core.assistant.file import ConfigFile, read_file
from core.assistant.keys import ALL, COREML_PATH, FALLBACK_PATH, PIPER, QUANTIZED_PATH, VOICE_PATH
from core.errors import InvalidInput
from core.users import expand_home
from core.yaml_edit.document import Document
from core.yaml_edit.scalar import Value
from core.yaml_edit.values import FoundValue

_MODEL = ".onnx"
_NO_MODEL = f"no key of it holds the path of an {_MODEL} file"
_MAX_PLACES = 3
WRITE_YOURSELF = "write the path of a variant there yourself (ttsdash voices show VOICE has them)"
"""The fix where no key can name the voice."""
PATH_KEYS = (VOICE_PATH, QUANTIZED_PATH, COREML_PATH, FALLBACK_PATH)


class UnknownLayout(InvalidInput):
    """A configuration in which no known key names the voice."""

    def __init__(self, path: Path, candidates: Mapping[str, str], unreachable: Sequence[FoundValue], fix: str) -> None:
        """Take the keys that hold the path of a model, with their values: the user may name one of them.

        `fix` is what to do about models that are only where no key can name them.
        """
        self.path, self.candidates = path, candidates
        if candidates:
            fix = f"say which key names the voice, with --voice-key KEY: {', '.join(candidates)}"
            fix += f" ({describe_unreachable(unreachable)})" if unreachable else ""
        elif unreachable:
            fix = f"{describe_unreachable(unreachable)}: {fix}"
        else:
            fix = f"{_NO_MODEL}: set one yourself, then name it with --voice-key KEY"
        names = ", ".join(key.rpartition(".")[2] for key in PATH_KEYS)
        super().__init__(f"{path} has none of the keys that ttsdash knows ({names} below {PIPER}); {fix}")


def describe_unreachable(models: Sequence[FoundValue]) -> str:
    """Return where the models are that `--voice-key` cannot name."""
    places = [f"{model.place} ({model.obstacle}, line {model.line})" for model in models[:_MAX_PLACES]]
    more = [f"{len(models) - _MAX_PLACES} more"] if len(models) > _MAX_PLACES else []
    return f"--voice-key cannot name {', '.join(places + more)}"


@dataclass(frozen=True)
class AssistantConfig:
    """A configuration file at the time when it was read."""

    file: ConfigFile
    document: Document
    values: Mapping[str, Value | None]
    """The value of each key that ttsdash reads, None where it is not set."""
    paths: Mapping[str, Path | None]
    """The file that each path key names, if the key is set; None for a value that is not a valid path."""
    mapped_key: str | None = None
    """The key that the user has named as that of the voice, if this file has it."""

    @classmethod
    def load(cls, path: Path, voice_key: str | None = None) -> Self:
        """Read and parse a file. Raises InvalidInput if it is not a readable YAML file."""
        return cls.parse(read_file(path), voice_key)

    @classmethod
    def parse(cls, file: ConfigFile, voice_key: str | None = None) -> Self:
        """Parse a file that has been read; `voice_key` names its voice, if it is there. Raises InvalidInput if not YAML."""
        document = Document(file.text, str(file.path))
        mapped = voice_key if voice_key and _voice_key_problem(document, voice_key) is None else None
        keys = (mapped,) if mapped else (*ALL, FALLBACK_PATH)
        values = {key: document.value(key) for key in keys}
        paths = resolve_paths(values, file.path.parent, (mapped,) if mapped else PATH_KEYS)
        return cls(file, document, values, paths, mapped)

    @property
    def voice_key(self) -> str:
        """Return the key that names the voice."""
        return self.mapped_key or VOICE_PATH

    @property
    def is_understood(self) -> bool:
        """Return whether a known key names the voice, or could."""
        return self.mapped_key is not None or any(self.document.has(key) for key in PATH_KEYS)

    @property
    def model_keys(self) -> dict[str, str]:
        """Return the keys that hold the path of a model, with these paths."""
        return {model.place: str(model.value) for model in self._models if not model.obstacle}

    @property
    def unreachable_models(self) -> list[FoundValue]:
        """Return the paths of models that are where no key can name them, such as in a list."""
        return [model for model in self._models if model.obstacle]

    @property
    def _models(self) -> Iterator[FoundValue]:
        return (found for found in self.document.found_values() if _is_model(found.value))

    def require_understood(self, fix: str) -> None:
        """Raise UnknownLayout if no known key names the voice; `fix` is what to do if no other key can name it."""
        if not self.is_understood:
            raise UnknownLayout(self.file.path, self.model_keys, self.unreachable_models, fix)

    def require_voice_key(self, key: str) -> None:
        """Raise InvalidInput if a key cannot be the one that names the voice."""
        problem = _voice_key_problem(self.document, key)
        if problem:
            candidates, unreachable = ", ".join(self.model_keys), self.unreachable_models
            known = [f"keys with a path to one: {candidates}"] if candidates else []
            known += [describe_unreachable(unreachable)] if unreachable else []
            raise InvalidInput(f"{self.file.path}: {problem} ({'; '.join(known) or _NO_MODEL})")

    @property
    def loaded(self) -> tuple[str, Path] | None:
        """Return the key and the path of the model that the assistant loads: `voice_path`, or else `fallback_path`."""
        for key in (self.voice_key, FALLBACK_PATH):
            path = self.paths.get(key)
            if path:
                return key, path
        return None


def _voice_key_problem(document: Document, key: str) -> str | None:
    """Return why a key cannot name the voice: it is not there, or holds something else than a model's path."""
    if not document.has(key):
        return f"there is no key {key}"
    value = document.value(key)
    if value is None and not document.is_empty(key):
        return f"{key} is not a single value"
    if value not in (None, "") and not _is_model(value):
        return f"{key} is {value}, not the path of an {_MODEL} file"
    return None


def _is_model(value: Value | None) -> bool:
    return isinstance(value, str) and value.lower().endswith(_MODEL)


def resolve_paths(
    values: Mapping[str, Value | None], folder: Path, keys: Iterable[str] = PATH_KEYS
) -> dict[str, Path | None]:
    """Return the files that the path keys of a configuration in `folder` name, for the keys that are set."""
    return {key: resolve_path(values[key], folder) for key in keys if values.get(key) is not None}


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
