"""A voice's variant is selected from the files, figures and hardware that are there."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.benchmark.figures import speedup
from core.errors import InvalidInput
from core.files import sha256_of
from core.hardware.machine import this_machine
from core.records.benchmarks import Sample
from core.records.selection_warnings import WarningKind
from core.records.selections import Preference
from core.records.verdict import verdict
from core.records.voices import Variant, Voice
from core.selection.evaluate import evaluate, record, select_now
from core.store.database import open_store, transaction
from core.store.results import newest_result, put_benchmark
from core.store.selections import get_preference, latest_selections, list_selections, put_preference
from core.store.voices import add_voice, get_voice, put_variant
from core.voices.file import config_path_of, read_voice
from core.workspace import Workspace
from tests.core.machines import SERVER
from tests.measured import a_record, a_result


@pytest.fixture
def variant(db: sqlite3.Connection, voice: Voice, tmp_path: Path) -> Path:
    """A variant `static-int8`, in truth a copy of the original."""
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
    """The candidates' verdicts and reasons, and under "" what was selected."""
    selection = select_now(db, voice.key, cause)
    return {"": selection.selected} | {
        judged.variant: f"{judged.verdict}: {judged.reason}" for judged in selection.candidates
    }


def test_what_is_whole_and_loads_is_selected_and_kept(db: sqlite3.Connection, voice: Voice, variant: Path) -> None:
    assert select(db, voice)[""] == "static-int8"
    kept = latest_selections(db, this_machine().id)[voice.key]
    assert (kept.selection.selected, kept.selected_sha256, kept.cause) == ("static-int8", sha256_of(variant), "job 1")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda path: path.unlink(), "passed over: missing: "),
        (lambda path: path.write_bytes(b"another"), "passed over: checksum differs: "),
        (lambda path: config_path_of(path).unlink(), "passed over: missing: "),
        (lambda path: config_path_of(path).write_text("{"), "passed over: checksum differs: "),
        (lambda path: config_path_of(path).write_text('{"length_scale": 3}'), "passed over: checksum differs: "),
    ],
)
def test_what_is_gone_or_another_file_is_passed_over(
    harm: Callable[[Path], object], reason: str, db: sqlite3.Connection, voice: Voice, variant: Path
) -> None:
    select(db, voice)
    harm(variant)
    outcome = select(db, voice, "asked by hand")
    assert outcome[""] == "original"
    assert outcome["static-int8"].startswith(reason)
    # What changed, when and why.
    history = list_selections(db, voice.id, this_machine().id)
    assert [(entry.selection.selected, entry.cause) for entry in history] == [
        ("original", "asked by hand"),
        ("static-int8", "job 1"),
    ]


def test_what_does_not_load_falls_through(db: sqlite3.Connection, voice: Voice, variant: Path) -> None:
    variant.write_bytes(b"no model, but just what was registered")
    register(db, voice, variant)
    outcome = select(db, voice)
    assert outcome[""] == "original"
    assert outcome["static-int8"].startswith("passed over: does not load: ONNX Runtime ")


def test_what_another_process_stores_meanwhile_is_looked_at_too(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, variant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpinned_meanwhile(*arguments: object) -> str | None:
        if get_preference(db, voice.id).pinned:
            with closing(open_store(workspace)) as other:
                put_preference(other, voice.id, Preference())
        return None

    put_preference(db, voice.id, Preference(pinned="original"))
    monkeypatch.setattr("core.selection.evaluate._why_not_loaded", unpinned_meanwhile)
    assert select(db, voice)[""] == "static-int8"
    assert [entry.selection.pinned for entry in list_selections(db, voice.id, this_machine().id)] == [None]


def test_the_wish_of_the_user_counts(db: sqlite3.Connection, voice: Voice, variant: Path) -> None:
    put_preference(db, voice.id, Preference("measured", None))
    assert select(db, voice)["static-int8"] == "passed over: not measured on this machine at all cores"
    put_preference(db, voice.id, Preference("measured", "static-int8"))
    assert select(db, voice)["static-int8"] == "selected: pinned by hand"


# Seconds of each pair. The original's time wanders, and with it both speed-ups: their intervals overlap.
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
) -> None:
    """Store a benchmark of variants with their seconds and grades; their figures come from their samples."""
    shas = {made.name: made.sha256 for made in get_voice(db, voice.key).variants}
    original = samples_of(ORIGINAL_S[:pairs])
    results = []
    for name, (seconds, grade) in speeds.items():
        samples = samples_of([seconds] * pairs)
        ratio, low, high = speedup(original, samples)
        figures = {"threads": this_machine().facts["cores"], "variant_sha256": shas[name], "grade": grade}
        figures |= {"speedup": ratio, "speedup_low": low, "speedup_high": high, "verdict": verdict((low, high))}
        results.append(replace(a_result(f"{benchmark}-{name}", name, **figures), samples=samples))
    record = a_record(
        benchmark, voice_id=voice.id, machine=this_machine(), created_at=created_at, results=tuple(results)
    )
    with transaction(db):
        put_benchmark(db, record, job_id=None)


def samples_of(seconds: list[float]) -> tuple[Sample, ...]:
    return tuple(Sample(pair, "short", value, 1.0, others_share=0.0) for pair, value in enumerate(seconds))


@pytest.fixture
def optimized(db: sqlite3.Connection, voice: Voice, variant: Path, tmp_path: Path) -> Path:
    """A second variant, which sounds better."""
    path = Path(shutil.copyfile(voice.path, tmp_path / "optimized.onnx"))
    config_path_of(path).write_text(json.dumps(voice.config))
    register(db, voice, path, "optimized", "optimized")
    return path


BOTH = {"static-int8": (STATIC_S, "slight"), "optimized": (OPTIMIZED_S, "transparent")}


def better(db: sqlite3.Connection, voice: Voice) -> list[str]:
    """What speaks against `static-int8` for `optimized`."""
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
    assert mine.speedup_ci[0] < theirs.speedup_ci[1], "their intervals beside the original overlap"
    # In every pair the better one takes 1.4 times as long.
    assert better(db, voice) == []

    db.execute("DELETE FROM samples")
    (text,) = better(db, voice)
    assert text.endswith("(the raw samples of their run were pruned)")


def test_variants_of_different_runs_are_compared_by_their_intervals_and_that_is_said(
    db: sqlite3.Connection, voice: Voice, optimized: Path
) -> None:
    measure(db, voice, "first", {"static-int8": BOTH["static-int8"]})
    measure(db, voice, "second", {"optimized": BOTH["optimized"]}, "2026-01-02T00:00:00.000Z")
    (text,) = better(db, voice)
    assert text.startswith("optimized sounds better (transparent) and is no slower than static-int8: ")
    assert text.endswith("(measured in different runs)")


def test_a_run_with_few_pairs_says_so(db: sqlite3.Connection, voice: Voice, optimized: Path) -> None:
    measure(db, voice, "both", BOTH, pairs=9)
    (text,) = better(db, voice)
    assert text.endswith("(their run has too few pairs of both)")


def test_an_evaluation_writes_nothing_and_is_recorded_unless_something_has_changed_since(
    db: sqlite3.Connection, voice: Voice, variant: Path
) -> None:
    before = list(db.iterdump())
    evaluation = evaluate(db, voice.key)
    assert list(db.iterdump()) == before
    with transaction(db):
        assert record(db, evaluation, "apply assistant.yaml")
    (stored,) = list_selections(db, voice.id, this_machine().id)
    assert (stored.selection, stored.cause) == (evaluation.selection, "apply assistant.yaml")

    put_preference(db, voice.id, Preference("measured", None))
    with transaction(db):
        assert not record(db, evaluation, "apply assistant.yaml")
    assert len(list_selections(db, voice.id, this_machine().id)) == 1


def test_what_was_made_here_is_no_voice(db: sqlite3.Connection, voice: Voice, variant: Path) -> None:
    with pytest.raises(InvalidInput, match="is a variant: static-int8 of tiny"):
        add_voice(db, read_voice(variant))
