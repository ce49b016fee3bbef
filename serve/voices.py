"""The voices that speak: loaded at first use, each with the variant that is selected on this machine, followed live."""

import logging
import sqlite3
import threading
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.engines.names import BY_PROVIDER
from core.errors import NotFound, TtsdashError
from core.files import remove_path
from core.hardware.machine import this_machine
from core.records.selections import CandidateStatus, Selection
from core.records.voices import ORIGINAL, Variant, Voice
from core.selection.evaluate import select_and_record
from core.store.database import open_store
from core.store.selections import latest_selection
from core.store.voices import list_voices
from core.workspace import Workspace
from serve.errors import UnknownVoice
from serve.loaded_voice import LoadedVoice

_LOG = logging.getLogger(__name__)
_COREML = "coreml"


@dataclass(frozen=True)
class Failure:
    """A variant that was selected but cannot be loaded; the one before it goes on speaking."""

    variant: str
    sha256: str
    reason: str


class Voices:
    """The registered voices, and those that are loaded."""

    def __init__(self, workspace: Workspace, names: Sequence[str], cores: int) -> None:
        """Take the voices to offer, by name: all if none is named; the first one speaks where none is asked for.

        Raises NotFound for a name that is not registered, and for a workspace without voices.
        """
        self._workspace, self._cores, self._names = workspace, cores, names
        self._lock = threading.Lock()
        self._loaded: dict[str, LoadedVoice] = {}
        self.failures: dict[str, Failure] = {}
        """By voice, what the last change of its selection failed at."""
        self._default: str | None = None
        """The id of the voice that a client has made the default."""
        self._seen: tuple[object, ...] = ()
        with self._store() as db:
            self._offered = self._read(db)
            kept = {variant.sha256 for voice in list_voices(db) for variant in voice.variants}
        if not self._offered:
            raise NotFound("no voices yet: add one with `ttsdash voices add PATH`")
        _remove_parts(workspace.streaming_parts, kept)

    @property
    def offered(self) -> tuple[Voice, ...]:
        """Return the voices that may be asked for, the default first."""
        return self._offered

    @property
    def loaded(self) -> tuple[LoadedVoice, ...]:
        """Return the voices that are loaded."""
        return tuple(self._loaded.values())

    def find(self, name: str | None) -> Voice:
        """Return the offered voice of that name, or the default one. Raises UnknownVoice."""
        if name is None:
            return self._offered[0]
        for voice in self._offered:
            if name == voice.key:
                return voice
        known = ", ".join(voice.key for voice in self._offered[:5])
        raise UnknownVoice(f"no voice {name[:80]!r} here: there is {known}", "voice")

    def use(self, name: str) -> Voice:
        """Make a voice the default, and return it. Raises UnknownVoice."""
        voice = self.find(name)
        self._default = voice.id
        self._offered = self._ordered(self._offered)
        return voice

    def load(self, name: str | None = None, warm: bool = True) -> LoadedVoice:
        """Return a voice with its selected variant, which the first call loads, and by default lets speak before.

        Raises UnknownVoice and InvalidInput.
        """
        voice = self.find(name)
        loaded = self._loaded.get(voice.id)
        if loaded is None:
            with self._lock:
                loaded = self._loaded.get(voice.id) or self._load(voice, self._selected(voice), warm)
        return loaded

    def follow(self) -> None:
        """Load what was selected or made again since the last call, beside what speaks now, and let it take over."""
        seen = tuple(map(_version, (self._workspace.data_db, Path(f"{self._workspace.data_db}-wal"))))
        if seen == self._seen:
            return
        self._seen = seen
        with self._store() as db:
            self._offered = self._read(db) or self._offered
        for voice in self._offered:
            if voice.id in self._loaded:
                self._swap(voice)

    def _swap(self, voice: Voice) -> None:
        before, variant = self._loaded[voice.id].variant, self._selected(voice)
        if variant.sha256 != before.sha256:
            try:
                with self._lock:
                    self._load(voice, variant, warm=True)
            except (TtsdashError, OSError) as error:
                self.failures[voice.id] = Failure(variant.name, variant.sha256, str(error))
                _LOG.warning("%s goes on with %s: %s", voice.key, before.name, error)
                return
            _LOG.info("%s speaks with %s, before with %s", voice.key, variant.name, before.name)
        self.failures.pop(voice.id, None)

    def _load(self, voice: Voice, variant: Variant, warm: bool) -> LoadedVoice:
        loaded = LoadedVoice(voice, variant, self._workspace.streaming_parts, self._cores)
        if warm:
            loaded.warm_up()
        self._loaded[voice.id] = loaded
        return loaded

    def _selected(self, voice: Voice) -> Variant:
        """Return the variant that is selected on this machine; selects one if that has not been done yet."""
        with self._store() as db:
            stored = latest_selection(db, voice.id, this_machine().id)
            selection = stored.selection if stored else select_and_record(db, voice.key, "speech service")
        return speaking_variant(selection, voice)

    def _read(self, db: sqlite3.Connection) -> tuple[Voice, ...]:
        registered = {voice.key: voice for voice in list_voices(db)}
        for name in self._names:
            if name not in registered:
                raise NotFound(f"voice not found: {name!r} (see `ttsdash voices list`)")
        return self._ordered(tuple(registered[name] for name in self._names) or tuple(registered.values()))

    def _ordered(self, voices: tuple[Voice, ...]) -> tuple[Voice, ...]:
        """Return the voices with the default one first."""
        return tuple(sorted(voices, key=lambda voice: voice.id != self._default))

    def _store(self) -> "_Store":
        return _Store(self._workspace)


def speaking_variant(selection: Selection, voice: Voice) -> Variant:
    """Return the selected variant, or the next one that ONNX Runtime can run: Core ML variants do not speak here yet."""
    known = {variant.name: variant for variant in voice.variants} | {BY_PROVIDER: voice.variant(ORIGINAL)}
    allowed = [decision for decision in selection.candidates if decision.status is not CandidateStatus.REJECTED]
    for decision in sorted(allowed, key=lambda decision: decision.status is not CandidateStatus.SELECTED):
        variant = known.get(decision.variant)
        if variant is not None and variant.recipe != _COREML:
            return variant
    return voice.variant(ORIGINAL)


def _version(path: Path) -> tuple[int, int] | None:
    """Return what changes whenever a file does; None if it does not exist."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _remove_parts(folder: Path, kept: Collection[str]) -> None:
    """Remove the parts of variants that do not exist any more."""
    with suppress(OSError):
        for path in list(folder.iterdir()):
            if path.stem not in kept and not path.name.startswith("."):
                remove_path(path)


class _Store:
    """A connection for one block: threads do not share one."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def __enter__(self) -> sqlite3.Connection:
        self._db = open_store(self._workspace)
        return self._db

    def __exit__(self, *_: object) -> None:
        self._db.close()
