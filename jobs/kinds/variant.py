"""The common part of jobs that make a variant: draft, recipe, check, publication."""

import dataclasses
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.clock import now
from core.errors import InvalidInput, TtsdashError, reason_of
from core.records.voices import Variant
from core.text import truncate
from core.variants.checksums import checksum_of, size_of
from core.variants.converted import converted_from, find_file
from core.variants.kept_training import trained_variant, training_path_of
from core.variants.recipes import RECIPES, Recipe, Task
from core.variants.sources import require_unchanged
from core.variants.variant_files import Draft, FolderDraft
from core.voices.check_text import check_text
from core.voices.file import config_sha256
from core.voices.sentences import label_of
from core.voices.spoken_sentences import check_sentence
from core.workspace import Workspace
from jobs.context import JobContext
from jobs.finished import FinishedWork, forget
from jobs.storing import store_finished

_log = logging.getLogger("ttsdash.job")

# The progress of the job at the start and end of the recipe, and of the check.
_MAKING, _CHECKING = (0.1, 0.7), (0.7, 0.95)

DraftOf = Callable[[Workspace, str, str, int], Draft | FolderDraft]
"""Takes workspace, folder of the voice, variant and job id."""
Check = Callable[[Task], dict[str, Any]]
"""Raises if the variant is wrong; returns entries for its lineage."""


def make_variant(context: JobContext, draft_of: DraftOf, check: Check) -> None:
    """Make the variant that the job asks for, check it, and publish it under its name."""
    voice, name = context.voice, context.job.variant
    recipe = RECIPES.get(str(context.job.params.get("recipe")))
    if name is None or recipe is None:
        raise InvalidInput(f"this version knows no recipe {context.job.params.get('recipe')!r}: update ttsdash")
    if recipe.missing:
        raise InvalidInput(recipe.missing)
    params = recipe.complete(context.job.params.get("params", {}))
    calibration, start = context.job.params.get("calibration"), context.job.params.get("from")
    label = label_of(Path(calibration)) if calibration else None
    if label and not name.endswith(f"calibration={label}"):
        raise InvalidInput(f"{calibration} has changed since {name} was queued: queue it again")
    source = Path(voice.path)
    context.report("reading the original", 0.02)
    require_unchanged(voice)
    trained = training_path_of(Path(trained_variant(voice, start).path)) if start else None
    # Fails now if the voice cannot speak at all: the finished variant is checked with that sentence.
    check_sentence(voice.config, check_text(voice.config))
    from_variant = converted_from(params)
    converted = find_file(voice, from_variant) if from_variant else None
    draft = draft_of(context.workspace, voice.folder, name, context.job.id)
    task = Task(
        source=source,
        target=draft.path,
        config=voice.config,
        language=voice.language,
        params=params,
        calibration=Path(calibration) if calibration else None,
        log=_log.info,
        progress=_within(context, _MAKING),
        training=context.workspace.training(context.job.id),
        cores=context.job.resources.cores,
        trained=trained,
        from_variant=converted,
    )
    try:
        with _explained(recipe):
            lineage = recipe.load().make(task)
            context.report("checking the variant", _CHECKING[0])
            draft.complete(voice.config)
            lineage |= check(dataclasses.replace(task, progress=_within(context, _CHECKING)))
        # A part of it may have been made from a file that was written meanwhile.
        require_unchanged(voice)
        context.report("storing", _CHECKING[1])
        variant = Variant(
            voice=voice.key,
            name=name,
            path=str(draft.final),
            size_bytes=size_of(draft.path),
            sha256=checksum_of(draft.path),
            recipe=recipe.name,
            params=params | lineage,
            source_sha256=voice.source_sha256,
            tools=recipe.tool_versions(),
            job_id=context.job.id,
            created_at=now(),
            config_sha256=config_sha256(voice.config),
        )
        outcome = {"variant": dataclasses.asdict(variant)}
        names = tuple(draft.names.items())
        store_finished(context, FinishedWork(outcome, variant=variant, voice_id=voice.id, names=names))
    except BaseException as error:
        draft.discard()
        forget(context.workspace, context.job.id, context.attempt)
        if isinstance(error, Exception):
            # If the file was written meanwhile, that is why, whatever failed.
            require_unchanged(voice)
        raise
    draft.settle()


@contextmanager
def _explained(recipe: Recipe) -> Iterator[None]:
    """Turn an unexpected error of a recipe or its check into a one-line error that names the variant."""
    try:
        yield
    except (TtsdashError, OSError):
        raise
    except Exception as error:
        _log.exception("the recipe failed")
        reason = truncate(reason_of(error), 200)
        raise TtsdashError(f"cannot make {recipe.variant} of this voice ({reason}): see the log of this job") from error


def _within(context: JobContext, progress: tuple[float, float]) -> Callable[[str, float], None]:
    start, end = progress
    return lambda stage, done: context.report(stage, start + done * (end - start))
