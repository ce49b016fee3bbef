"""A selection in words: why each variant is selected or not, and what the assistant loads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from core.records.selections import CandidateStatus, Decision, Selection
from core.records.voices import Voice
from core.selection.fallback_chain import Step
from tui.text.format import hanging_indent, short_path

if TYPE_CHECKING:
    from core.assistant.active_config import ActiveConfig


def describe_selection(
    voice: Voice, selection: Selection | None, steps: Sequence[Step], today: ActiveConfig | None, width: int
) -> str:
    """Return the details of a voice's selection; `today` is None while the configuration is being read."""
    lines = [*_chosen(selection), *(_assistant(today, voice, selection) if today else [])]
    shown = [hanging_indent(label, text, width) for label, text in lines]
    if steps:
        shown += ["", *_reasons(steps, width)]
    return "\n".join(shown)


def decision_words(decision: Decision) -> str:
    """Return a decision with its reason; the reason of an eligible variant already names its rank."""
    if decision.status is CandidateStatus.ELIGIBLE:
        return decision.reason
    return f"{decision.status}: {decision.reason}"


def _chosen(selection: Selection | None) -> Iterator[tuple[str, str]]:
    if selection is None:
        yield "selected   ", "nothing yet on this machine: press s"
        return
    pinned = f", {selection.pinned} pinned" if selection.pinned else ""
    yield "selected   ", f"{selection.selected}: {selection.reason} (policy {selection.policy}{pinned})"
    for warning in selection.warnings:
        yield "         ! ", warning.text


def _assistant(today: ActiveConfig, voice: Voice, selection: Selection | None) -> Iterator[tuple[str, str]]:
    label, loaded = "assistant  ", today.loaded
    if today.problem:
        yield label, today.problem
    elif today.config is None:
        yield label, "No assistant configuration set: press f to choose its YAML file"
    elif loaded is None:
        if today.voice_key:
            yield label, f"{short_path(today.config)} has no {today.voice_key}: a sets it"
        else:
            file = short_path(today.config)
            yield label, f"{file} has no key that ttsdash knows: a chooses the one that names the voice"
    else:
        key = loaded.key.rpartition(".")[2]
        yield (
            label,
            f"{short_path(today.config)}, {key}: {short_path(loaded.path)}"
            + ("" if today.exists else ", which is missing: restore it"),
        )
        yield " " * len(label), _verdict(today, voice, selection)


def _verdict(today: ActiveConfig, voice: Voice, selection: Selection | None) -> str:
    """Return whether the assistant loads what is selected, and what to press if not."""
    from core.assistant.changes import loadable_variant

    loaded, name = today.loaded, today.variant_of(voice)
    wanted = loadable_variant(voice, selection) if selection else None
    press = f"; a makes it load {wanted}" if wanted else ""
    if name is None and loaded and loaded.variant:
        return f"this is {loaded.variant.name} of another voice, {loaded.voice}{press}"
    if name is None:
        return f"this file is not in this workspace{press}"
    if selection is None or name != wanted:
        return f"this is {name}" + (f", NOT the selected variant{press}" if wanted else "")
    if name != selection.selected:
        return f"this is {name}, the next in order: the assistant cannot load {selection.selected}"
    return f"this is {name}, as selected"


def _reasons(steps: Sequence[Step], width: int) -> Iterator[str]:
    """Yield every candidate with its decision, by step."""
    for step in steps:
        label = f"{step.name:<9}  "
        if not step.candidates:
            yield label + "not made: press 1, then o"
        for decision in step.candidates:
            yield hanging_indent(label, f"{decision.variant}, {decision_words(decision)}", width)
            label = " " * len(label)
