"""What there is to say of a selection: why each variant is taken or not, and what the assistant loads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.records.selections import Decision, Selection, Verdict
from core.records.voices import Voice
from core.selection.fallback_chain import Step
from tui.text.format import hanging

if TYPE_CHECKING:
    from core.assistant.active_config import ActiveConfig


def describe_selection(
    voice: Voice, selection: Selection | None, links: Sequence[Step], today: ActiveConfig | None, width: int
) -> str:
    """`today` is None while it is being read."""
    lines = [*_chosen(selection), *(_assistant(today, voice, selection) if today else [])]
    told = [hanging(label, text, width) for label, text in lines]
    if links:
        told += ["", *_reasons(links, width)]
    return "\n".join(told)


def verdict_words(judged: Decision) -> str:
    """The verdict with its reason; what is eligible says itself that it comes after."""
    return judged.reason if judged.verdict is Verdict.ELIGIBLE else f"{judged.verdict}: {judged.reason}"


def _chosen(selection: Selection | None) -> Iterator[tuple[str, str]]:
    if selection is None:
        yield "selected   ", "nothing has been selected on this machine yet: press s"
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
        yield label, "no configuration of an assistant is known here: press f and name its YAML file"
    elif loaded is None:
        yield label, f"{_short(today.config)} names no voice: press a, and it loads what is selected"
    else:
        key = loaded.key.rpartition(".")[2]
        yield (
            label,
            f"{_short(today.config)}, {key}: {_short(loaded.path)}"
            + ("" if today.exists else ", which is gone: put it back"),
        )
        yield " " * len(label), _verdict(today, voice, selection)


def _verdict(today: ActiveConfig, voice: Voice, selection: Selection | None) -> str:
    """Whether what is loaded is what was selected, and what to do about it."""
    from core.assistant.changes import loadable_variant

    loaded, name = today.loaded, today.variant_of(voice)
    wanted = loadable_variant(voice, selection) if selection else None
    press = f": press a, and it loads {wanted}" if wanted else ""
    if name is None and loaded and loaded.variant:
        return f"that is {loaded.variant.name} of another voice, {loaded.voice}{press}"
    if name is None:
        return f"that is no file of this workspace{press}"
    if selection is None or name != wanted:
        return f"that is {name}" + (f", NOT what is selected{press}" if wanted else "")
    if name != selection.selected:
        return f"that is {name}: what comes next, as today's assistant cannot load {selection.selected}"
    return f"that is {name}, as selected"


def _reasons(links: Sequence[Step], width: int) -> Iterator[str]:
    """Every candidate with its verdict, below the link that it belongs to."""
    for link in links:
        label = f"{link.name:<9}  "
        if not link.candidates:
            yield label + "not made: go to the voices (1) and press o"
        for judged in link.candidates:
            yield hanging(label, f"{judged.variant}, {verdict_words(judged)}", width)
            label = " " * len(label)


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) and path != home else str(path)
