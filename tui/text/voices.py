"""What is done to voices in words, shared by the command line and the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.text.format import counted

if TYPE_CHECKING:
    from core.library.remove import Removal


def removal_question(planned: Removal, with_results: bool = False) -> str:
    """Return the question before a voice is removed: what goes and what stays."""
    voice = planned.voice
    made = [variant.name for variant in voice.variants if variant.recipe]
    parts = [f"{counted(len(made), 'variant')} ({', '.join(made)})" if made else "", counted(len(planned.jobs), "job")]
    results = counted(planned.results, "result")
    if with_results:
        parts.append(results)
    deleted = ", ".join(part for part in parts if part)
    stays = f"{voice.path} stays" if with_results else f"{voice.path} and {results} stay"
    return f"Remove {voice.key}? This deletes {deleted}. {stays}."
