"""The shapes of `--json`. Keys may be added; none is renamed, and what was not measured is null."""

import dataclasses
from typing import Any

from core import program_version
from core.records.results import Result
from core.records.selections import Selection, StoredSelection
from core.records.voices import Variant, Voice
from jobs.worker_control import WorkerStatus


def variant_shape(variant: Variant) -> dict[str, Any]:
    return dataclasses.asdict(variant)


def voice_shape(voice: Voice) -> dict[str, Any]:
    return {
        "voice": voice.key,
        "path": voice.path,
        "sha256": voice.id,
        "size_bytes": voice.size_bytes,
        "sample_rate": voice.sample_rate,
        "speakers": voice.speakers,
        "language": voice.language,
        "anatomy": voice.anatomy,
        "added_at": voice.added_at,
        "variants": [variant_shape(variant) for variant in voice.variants],
    }


def result_shape(result: Result) -> dict[str, Any]:
    # A hundred names of CPU features in each result help nobody; the fingerprint stands for them.
    facts = {name: value for name, value in result.machine_facts.items() if name != "flags"}
    return vars(result) | {"machine_facts": facts}


def worker_shape(status: WorkerStatus, paused: bool, waiting: int) -> dict[str, Any]:
    """`paused` is whether the queue is, `waiting` how many jobs are queued."""
    queue = {"paused": paused, "waiting": waiting}
    return dataclasses.asdict(status) | {"installed_version": program_version()} | queue


def selection_shape(selection: Selection) -> dict[str, Any]:
    return {
        "voice": selection.voice,
        "policy": selection.policy,
        "pinned": selection.pinned,
        "selected": selection.selected,
        "reason": selection.reason,
        "candidates": [
            {"variant": judged.variant, "verdict": judged.verdict, "reason": judged.reason}
            for judged in selection.candidates
        ],
        "warnings": [warning.text for warning in selection.warnings],
    }


def selection_change_shape(stored: StoredSelection) -> dict[str, Any]:
    selection = stored.selection
    return {
        "selected": selection.selected,
        "selected_sha256": stored.selected_sha256,
        "policy": selection.policy,
        "pinned": selection.pinned,
        "reason": selection.reason,
        "cause": stored.cause,
        "created_at": stored.created_at,
    }
