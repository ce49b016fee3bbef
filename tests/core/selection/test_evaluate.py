"""`core.selection.evaluate`: select from the files, results and hardware of this machine."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.benchmark.timing import speedup
from core.errors import InvalidInput
from core.files import sha256_of
from core.hardware.machine import this_machine
from core.records.benchmarks import Sample
from core.records.selection_warnings import WarningKind
from core.records.selections import Preference
from core.records.verdict import speed_verdict
from core.records.voices import Variant, Voice
from core.selection.evaluate import evaluate, record_selection, select_and_record
from core.store.database import open_store, transaction
from core.store.results import newest_result, put_benchmark
from core.store.selections import get_preference, latest_selections, list_selections, put_preference
from core.store.voices import get_voice, put_variant
from core.voices.file import config_path_of, read_voice
from core.workspace import Workspace
from tests.core.machines import SERVER
from tests.factories import add_voice
from tests.measured import a_record, a_result


@pytest.fixture
def variant(db: sqlite3.Connection, voice: Voice, tmp_path: Path) -> Path:
    """A variant `static-int8` that is a copy of the original, of a voice whose policy accepts what was not measured."""
    put_preference(db, voice.id, Preference("priority"))
    path = Path(shutil.copyfile(voice.path, tmp_path / "static-int8.onnx"))
    config_path_of(path).write_text(json.dumps(voice.config))
    register(db, voice, path)
    return path


def register(
    db: sqlite3.Connection, voice: Voice, path: Path, name: str = "static-int8", recipe: str = "static"
) -> None:
    with transaction(db):
        put_variant(
            db,
            voice.id,
            Variant(
                voice=voice.key,
                name=name,
                path=str(path),
                size_bytes=path.stat().st_size,
                sha256=sha256_of(path),
                recipe=recipe,
                params={},
                source_sha256=voice.id,
                tools={},
                job_id=None,
                created_at="2026-01-01T00:00:00.000Z",
            ),
        )


def select(db: sqlite3.Connection, voice: Voice, cause: str = "job 1") -> dict[str, str]:
    """Return the decisions by variant, and under "" the selected variant."""
    selection = select_and_record(db, voice.key, cause)
    return {"": selection.selected} | {
        decision.variant: f"{decision.status}: {decision.reason}" for decision in selection.candidates
    }


def test_an_intact_variant_that_loads_is_selected_and_recorded(
    db: sqlite3.Connection, voice: Voice, variant: Path
) -> None:
    assert select(db, voice)[""] == "static-int8"
    kept = latest_selections(db, this_machine().id)[voice.key]
    assert (kept.selection.selected, kept.selected_sha256, kept.cause) == ("static-int8", sha256_of(variant), "job 1")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda path: path.unlink(), "rejected: missing: "),
        (lambda path: path.write_bytes(b"another"), "rejected: checksum differs: "),
        (lambda path: config_path_of(path).unlink(), "rejected: missing: "),
        (lambda path: config_path_of(path).write_text("{"), "rejected: checksum differs: "),
        (lambda path: config_path_of(path).write_text('{"length_scale": 3}'), "rejected: checksum differs: "),
    ],
)
def test_a_missing_or_changed_file_is_rejected(
    harm: Callable[[Path], object], reason: str, db: sqlite3.Connection, voice: Voice, variant: Path
) -> None:
    select(db, voice)
    harm(variant)
    outcome = select(db, voice, "requested")
    assert outcome[""] == "original"
    assert outcome["static-int8"].startswith(reason)
    # The history has the cause of each change.
    history = list_selections(db, voice.id, this_machine().id)
    assert [(entry.selection.selected, entry.cause) for entry in history] == [
        ("original", "requested"),
        ("static-int8", "job 1"),
    ]


def test_a_variant_that_does_not_load_is_rejected(db: sqlite3.Connection, voice: Voice, variant: Path) -> None:
    variant.write_bytes(b"no model, but just what was registered")
    register(db, voice, variant)
    outcome = select(db, voice)
    assert outcome[""] == "original"
    assert outcome["static-int8"].startswith("rejected: does not load: ONNX Runtime ")


def test_a_change_by_another_process_is_taken_into_account(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpinned_meanwhile(*arguments: object) -> str | None:
        if get_preference(db, voice.id).pinned:
            with closing(open_store(workspace)) as other:
                put_preference(other, voice.id, Preference("priority"))
        return None

    put_preference(db, voice.id, Preference("priority", "original"))
    monkeypatch.setattr("core.selection.evaluate._load_error", unpinned_meanwhile)
    assert select(db, voice)[""] == "static-int8"
    assert [entry.selection.pinned for entry in list_selections(db, voice.id, this_machine().id)] == [None]


def test_the_policy_and_the_pin_of_the_user_are_applied(db: sqlite3.Connection, voice: Voice, variant: Path) -> None:
    put_preference(db, voice.id, Preference("measured", None))
    assert select(db, voice)["static-int8"] == "rejected: not measured on this machine at all cores"
    put_preference(db, voice.id, Preference("measured", "static-int8"))
    assert select(db, voice)["static-int8"] == "selected: pinned"


# The seconds of each pair. The time of the original varies, and with it both speed-ups: their intervals overlap.
PAIRS = 12
ORIGINAL_S = [2.1 if pair % 2 else 3.4 for pair in range(PAIRS)]
STATIC_S, OPTIMIZED_S = 2.0, 2.8


def measure(
    db: sqlite3.Connection,
    voice: Voice,
    benchmark: str,
    speeds: dict[str, tuple[float, str]],
    created_at: str = "2026-01-01T00:00:00.000Z",
    pairs: int = PAIRS,
    texts: str = "en v1",
) -> None:
    """Store a benchmark of variants with their seconds and grades; their figures come from their samples."""
    shas = {made.name: made.sha256 for made in get_voice(db, voice.key).variants}
    original = samples_of(ORIGINAL_S[:pairs])
    results = []
    for name, (seconds, grade) in speeds.items():
        samples = samples_of([seconds] * pairs)
        ratio, low, high = speedup(original, samples)
        figures = {"threads": this_machine().facts["cores"], "variant_sha256": shas[name], "grade": grade}
        figures |= {"speedup": ratio, "speedup_low": low, "speedup_high": high, "verdict": speed_verdict((low, high))}
        results.append(replace(a_result(f"{benchmark}-{name}", name, **figures), samples=samples))
    record_selection = a_record(
        benchmark, voice_id=voice.id, machine=this_machine(), created_at=created_at, results=tuple(results)
    )
    record_selection = replace(record_selection, texts={"name": texts})
    with transaction(db):
        put_benchmark(db, record_selection, job_id=None)


def samples_of(seconds: list[float]) -> tuple[Sample, ...]:
    return tuple(Sample(pair, "short", value, 1.0, others_share=0.0) for pair, value in enumerate(seconds))


@pytest.fixture
def optimized(db: sqlite3.Connection, voice: Voice, variant: Path, tmp_path: Path) -> Path:
    """A second variant, with a better sound."""
    path = Path(shutil.copyfile(voice.path, tmp_path / "optimized.onnx"))
    config_path_of(path).write_text(json.dumps(voice.config))
    register(db, voice, path, "optimized", "optimized")
    return path


BOTH = {"static-int8": (STATIC_S, "slight"), "optimized": (OPTIMIZED_S, "transparent")}


def better(db: sqlite3.Connection, voice: Voice) -> list[str]:
    """Return the warnings that `optimized` is better than the selected `static-int8`."""
    selection = evaluate(db, voice.key, SERVER).selection
    assert selection.selected == "static-int8"
    assert {warning.variant for warning in selection.warnings} <= {"optimized"}
    assert {warning.kind for warning in selection.warnings} <= {WarningKind.BETTER_EXISTS}
    return [warning.text for warning in selection.warnings]


def test_two_variants_of_one_run_are_compared_by_their_pairs(
    db: sqlite3.Connection, voice: Voice, optimized: Path
) -> None:
    measure(db, voice, "both", BOTH)
    mine, theirs = (newest_result(db, voice.id, name, this_machine()) for name in BOTH)
    assert mine and theirs and mine.speedup_ci and theirs.speedup_ci
    assert mine.speedup_ci[0] < theirs.speedup_ci[1], "their intervals relative to the original overlap"
    # In every pair the variant that sounds better takes 1.4 times as long.
    assert better(db, voice) == []

    db.execute("DELETE FROM samples")
    (text,) = better(db, voice)
    assert text.endswith("(the raw samples of their run were pruned)")


def test_variants_of_different_runs_are_compared_by_their_intervals_with_a_note(
    db: sqlite3.Connection, voice: Voice, optimized: Path
) -> None:
    measure(db, voice, "first", {"static-int8": BOTH["static-int8"]})
    measure(db, voice, "second", {"optimized": BOTH["optimized"]}, "2026-01-02T00:00:00.000Z")
    (text,) = better(db, voice)
    assert text.startswith("optimized sounds better (transparent) and is no slower than static-int8: ")
    assert text.endswith("(measured in different runs)")

    measure(db, voice, "third", {"optimized": BOTH["optimized"]}, "2026-01-03T00:00:00.000Z", texts="generated v1")
    (text,) = better(db, voice)
    assert text.endswith("(measured with different texts)")


def test_a_run_with_too_few_common_pairs_is_named_as_the_reason(
    db: sqlite3.Connection, voice: Voice, optimized: Path
) -> None:
    measure(db, voice, "both", BOTH, pairs=9)
    (text,) = better(db, voice)
    assert text.endswith("(their run has too few common pairs)")


def test_an_evaluation_writes_nothing_and_is_recorded_unless_something_has_changed_since(
    db: sqlite3.Connection, voice: Voice, variant: Path
) -> None:
    before = list(db.iterdump())
    evaluation = evaluate(db, voice.key)
    assert list(db.iterdump()) == before
    with transaction(db):
        assert record_selection(db, evaluation, "apply assistant.yaml")
    (stored,) = list_selections(db, voice.id, this_machine().id)
    assert (stored.selection, stored.cause) == (evaluation.selection, "apply assistant.yaml")

    put_preference(db, voice.id, Preference("measured", None))
    with transaction(db):
        assert not record_selection(db, evaluation, "apply assistant.yaml")
    assert len(list_selections(db, voice.id, this_machine().id)) == 1


def test_a_variant_cannot_be_added_as_a_voice(db: sqlite3.Connection, voice: Voice, variant: Path) -> None:
    with pytest.raises(InvalidInput, match="is a variant: static-int8 of tiny"):
        add_voice(db, read_voice(variant))
