"""The fixtures of the store's tests."""

import sqlite3

import pytest

from core.records.voices import Voice
from tests.core.store.job_queue import Queue


@pytest.fixture
def queue(db: sqlite3.Connection, stored: Voice) -> Queue:
    """Return an empty job table."""
    return Queue(db, stored)
