"""The shapes of `--json`. Keys may be added; none is renamed, and what was not measured is null."""

import dataclasses
from typing import Any

from core.selection.judge import Selection
from core.store.jobs import Job
from core.store.results import Result
from core.store.selections import StoredSelection
from core.store.voices import Variant, Voice
from jobs.daemon import WorkerStatus

_JOB_KEYS = [
    "id",
    "kind",
    "voice",
    "variant",
    "params",
    "state",
    "stage",
    "progress",
    "attempt",
    "priority",
    "after",
    "not_before",
    "created_at",
    "started_at",
    "finished_at",
    "error",
    "result",
]


def job_shape(job: Job) -> dict[str, Any]:
    values = dataclasses.asdict(job)
    return {key: values[key] for key in _JOB_KEYS}


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
    shape = dataclasses.asdict(result)
    # A hundred names of CPU features in each result help nobody; the fingerprint stands for them.
    shape["machine_facts"].pop("flags", None)
    return shape


def worker_shape(status: WorkerStatus) -> dict[str, Any]:
    return dataclasses.asdict(status)


def selection_shape(selection: Selection) -> dict[str, Any]:
    return dataclasses.asdict(selection)


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
