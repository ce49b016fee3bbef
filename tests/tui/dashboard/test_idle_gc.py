"""Garbage is collected while the user is idle."""

import gc
import sys
import time
from collections.abc import Iterator

import pytest

from tui.dashboard.idle_gc import IdleCollector


@pytest.fixture
def full_collections() -> Iterator[list[int]]:
    """Record each full collection; restore Python's thresholds at the end."""
    seen: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "stop" and info["generation"] == 2:
            seen.append(info["collected"])

    thresholds = gc.get_threshold()
    gc.collect()
    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)
    gc.set_threshold(*thresholds)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="collects incrementally")
def test_a_full_collection_waits_until_the_user_is_idle(full_collections: list[int]) -> None:
    collector = IdleCollector(idle_s=0.2)
    collector.start()
    for _ in range(20):
        gc.collect(1)
    collector.note_input()
    collector.collect_if_idle()
    assert full_collections == []
    time.sleep(0.2)
    collector.collect_if_idle()
    assert len(full_collections) == 1
    # No second one is due.
    collector.collect_if_idle()
    assert len(full_collections) == 1
