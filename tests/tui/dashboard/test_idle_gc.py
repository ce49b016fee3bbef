"""Garbage is collected when nobody waits for an answer."""

import gc
import sys
import time
from collections.abc import Iterator

import pytest

from tui.dashboard.idle_gc import IdleCollector


@pytest.fixture
def full_collections() -> Iterator[list[int]]:
    """An entry for each; Python's own thresholds are put back in the end."""
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


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="collects bit by bit, and needs no such care")
def test_a_full_collection_waits_until_no_key_is_pressed(full_collections: list[int]) -> None:
    collector = IdleCollector(quiet_s=0.2)
    collector.begin()
    for _ in range(20):
        gc.collect(1)
    collector.touch()
    collector.look()
    assert full_collections == []
    time.sleep(0.2)
    collector.look()
    assert len(full_collections) == 1
    # Once is enough.
    collector.look()
    assert len(full_collections) == 1
