"""Voices that are loaded, and how they follow the selection."""

import sqlite3
from pathlib import Path

import pytest

from core.errors import NotFound
from core.files import sha256_of
from core.records.selections import CandidateStatus, Decision, Selection
from core.records.voices import Variant, Voice
from core.selection.preferences import set_preference
from core.store.voices import put_variant
from core.voices.file import read_voice
from core.workspace import Workspace
from serve.errors import UnknownVoice
from serve.voices import Voices, speaking_variant
from tests.factories import add_voice, make_variant, make_voice
from tests.vits import MULTI_SPEAKER, write_voice


@pytest.fixture
def other(db: sqlite3.Connection, voice: Voice, tmp_path: Path) -> Voice:
    """Return a second voice, which is registered after the first one."""
    return add_voice(db, read_voice(write_voice(tmp_path / "others", MULTI_SPEAKER, name="zoe")))


def make_copy(workspace: Workspace, db: sqlite3.Connection, voice: Voice, name: str) -> Variant:
    """Store a variant that is the original with a remark in it."""
    path = workspace.optimized_models / f"{name}.onnx"
    path.write_bytes(Path(voice.path).read_bytes())
    Path(f"{path}.json").write_text(Path(f"{voice.path}.json").read_text())
    import onnx

    model = onnx.load(path)
    model.doc_string = name
    onnx.save(model, path)
    made = make_variant(name, path=str(path), sha256=sha256_of(path), source_sha256=voice.source_sha256)
    put_variant(db, voice.id, made)
    return made


def test_the_voices_of_the_workspace_are_offered_or_those_that_are_named(
    workspace: Workspace, voice: Voice, other: Voice
) -> None:
    assert [one.key for one in Voices(workspace, [], 1).offered] == [voice.key, other.key]
    assert [one.key for one in Voices(workspace, [other.key], 1).offered] == [other.key]
    with pytest.raises(NotFound, match="voice not found: 'nobody'"):
        Voices(workspace, ["nobody"], 1)
    with pytest.raises(UnknownVoice, match="no voice 'tiny' here: there is zoe"):
        Voices(workspace, [other.key], 1).find(voice.key)


def test_a_voice_that_was_made_the_default_stays_it(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, other: Voice
) -> None:
    voices = Voices(workspace, [], 1)
    voices.use(other.key)
    make_copy(workspace, db, voice, "changed")
    voices.follow()
    assert [one.key for one in voices.offered] == [other.key, voice.key]
    assert voices.find(None).key == other.key


def test_a_selection_that_cannot_be_loaded_is_named_and_the_voice_goes_on(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    voices = Voices(workspace, [], 1)
    before = voices.load()
    made = make_copy(workspace, db, voice, "copy")
    set_preference(db, voice.key, pin="copy")
    Path(made.path).write_bytes(b"damaged meanwhile")
    voices.follow()
    assert voices.load() is before
    failure = voices.failures[voice.id]
    assert (failure.variant, failure.sha256) == ("copy", made.sha256)
    assert "cannot be loaded" in failure.reason
    set_preference(db, voice.key, pin="original")
    voices.follow()
    assert voices.failures == {}


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({"coreml": "eligible", "small": "selected", "original": "eligible"}, "small"),
        ({"coreml": "selected", "small": "eligible", "original": "eligible"}, "small"),
        ({"coreml": "selected", "small": "rejected", "original": "eligible"}, "original"),
        ({"coreml": "selected", "gone": "eligible"}, "original"),
        ({"original@coreml": "selected"}, "original"),
    ],
)
def test_the_next_variant_in_order_speaks_where_core_ml_is_selected(statuses: dict[str, str], expected: str) -> None:
    voice = make_voice(make_variant("coreml", recipe="coreml"), make_variant("small"))
    decisions = tuple(Decision(name, CandidateStatus(status), "") for name, status in statuses.items())
    selected = next(decision.variant for decision in decisions if decision.status is CandidateStatus.SELECTED)
    selection = Selection("tiny", "measured", None, selected, "", decisions, ())
    assert speaking_variant(selection, voice).name == expected


def test_parts_of_variants_that_are_gone_are_removed(workspace: Workspace, voice: Voice) -> None:
    first = Voices(workspace, [], 1).load()
    kept = {path.name for path in workspace.streaming_parts.iterdir()}
    assert kept == {first.variant.sha256, f"{first.variant.sha256}.json"}
    (workspace.streaming_parts / ("d" * 64)).mkdir()
    (workspace.streaming_parts / f"{'d' * 64}.json").write_text("{}")
    assert Voices(workspace, [], 1).load().calibration == first.calibration
    assert {path.name for path in workspace.streaming_parts.iterdir()} == kept
