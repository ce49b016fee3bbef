"""A `quantize` job: makes one variant of a voice by a recipe."""

import dataclasses
import logging
from pathlib import Path

from core.clock import now
from core.errors import BadInput
from core.files import sha256_of
from core.hardware.machine import installed_versions
from core.phonemes import phoneme_ids
from core.quantize.recipes import RECIPES, Task
from core.sentences import label_of
from core.store.voices import Variant, put_variant
from core.variants import CHECK_TEXT, Draft, check_variant, variant_path
from jobs.context import JobContext

_log = logging.getLogger("ttsdash.job")

# The shares of the job between which the recipe works.
_MAKING = 0.1, 0.85


def run(context: JobContext) -> None:
    voice, name = context.voice, context.job.variant
    recipe = RECIPES.get(str(context.job.params.get("recipe")))
    if name is None or recipe is None:
        raise BadInput(f"this version knows no recipe {context.job.params.get('recipe')!r}: update ttsdash")
    params = recipe.resolve({key: str(value) for key, value in context.job.params.get("params", {}).items()})
    calibration = context.job.params.get("calibration")
    label = label_of(Path(calibration)) if calibration else None
    if label and not name.endswith(f"calibration={label}"):
        raise BadInput(f"{calibration} has changed since this was queued as {name}: queue it again")
    source = Path(voice.path)
    context.report("reading the original", 0.02)
    check_unchanged(source, voice.id)
    # What cannot be checked in the end is not made.
    phoneme_ids(voice.config, CHECK_TEXT)
    draft = Draft(variant_path(context.workspace, voice.key, name), context.job.id)
    try:
        maker = recipe.load()
        more = maker.make(
            Task(
                source=source,
                target=draft.path,
                config=voice.config,
                language=voice.language,
                params=params,
                calibration=Path(calibration) if calibration else None,
                tell=_log.info,
                progress=lambda stage, share: context.report(stage, _MAKING[0] + share * (_MAKING[1] - _MAKING[0])),
            )
        )
        context.report("checking the variant", _MAKING[1])
        draft.complete(voice.config)
        check_variant(source, draft.path, voice.config, _log.info)
        context.report("storing", 0.95)
        variant = Variant(
            voice=voice.key,
            name=name,
            path=str(draft.final),
            size_bytes=draft.path.stat().st_size,
            sha256=sha256_of(draft.path),
            recipe=recipe.name,
            params=params | more,
            source_sha256=voice.id,
            tools=installed_versions(("ttsdash", *maker.TOOLS)),
            job_id=context.job.id,
            created_at=now(),
        )
        with context.handing_in({"variant": dataclasses.asdict(variant)}) as db:
            draft.publish()
            put_variant(db, voice.id, variant)
    finally:
        draft.discard()


def check_unchanged(source: Path, sha256: str) -> None:
    """Raises BadInput when the original is gone, or is another file than the one that was registered."""
    try:
        same = sha256_of(source) == sha256
    except OSError as error:
        raise BadInput(
            f"cannot read {source} ({error.strerror}): put it back, or add the voice from its new place"
        ) from error
    if not same:
        raise BadInput(f"{source} has changed since it was added: add it again (ttsdash voices add PATH)")
