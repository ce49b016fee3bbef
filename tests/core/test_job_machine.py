"""`core.store.jobs`, whatever happens in whatever order: the rules that no sequence of calls may break."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from core.errors import BadInput
from core.store.database import open_store, transaction
from core.store.jobs import (
    ENDED,
    Job,
    NewJob,
    Superseded,
    add_job,
    cancel,
    claim,
    finish,
    get_job,
    list_events,
    list_jobs,
    put_back,
    report,
    retry,
)
from core.store.voices import add_voice
from core.workspace import Workspace
from tests.core.voice_files import voice_file


class Jobs(RuleBasedStateMachine):
    """Callers, workers and children, live ones and forgotten ones, on one job table."""

    ids: Bundle[int] = Bundle("ids")
    claims: Bundle[Job] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.db = open_store(Workspace(self.folder))
        # Nobody pulls the plug here.
        self.db.execute("PRAGMA synchronous = OFF")
        self.voice = add_voice(self.db, voice_file())
        self.alone: set[int] = set()
        self.attempts: dict[int, int] = {}
        self.ended: dict[int, str] = {}

    def teardown(self) -> None:
        self.db.close()
        shutil.rmtree(self.folder)

    @initialize(target=ids, alone=st.lists(st.booleans(), min_size=2, max_size=4))
    def add_some(self, alone: list[bool]) -> object:
        return multiple(*(self._add(entry) for entry in alone))

    @rule(target=ids, alone=st.booleans(), priority=st.integers(-1, 1), after=st.lists(ids, max_size=2, unique=True))
    def add_one(self, alone: bool, priority: int, after: list[int]) -> int:
        possible = [entry for entry in after if get_job(self.db, entry).state not in ("failed", "cancelled")]
        return self._add(alone, priority, tuple(possible))

    def _add(self, alone: bool, priority: int = 0, after: tuple[int, ...] = ()) -> int:
        job = NewJob("any", self.voice.id, None, {}, alone=alone, priority=priority, after=after)
        with transaction(self.db):
            job_id = add_job(self.db, job)
        if alone:
            self.alone.add(job_id)
        return job_id

    @rule(target=claims)
    def start_the_next(self) -> object:
        expected, job = self._next(), claim(self.db)
        assert (job and job.id) == expected
        return multiple(job) if job else multiple()

    @rule(target=claims)
    def start_all_that_can_be(self) -> object:
        started = []
        while expected := self._next():
            job = claim(self.db)
            assert job
            assert job.id == expected
            started.append(job)
        assert claim(self.db) is None
        return multiple(*started)

    @rule(job=claims)
    def a_child_reports(self, job: Job) -> None:
        current = get_job(self.db, job.id)
        lives = current.state == "running" and current.attempt == job.attempt and not current.cancel_asked
        with _expected(Superseded, not lives):
            report(self.db, job.id, job.attempt, "working", 0.5)

    @rule(job=claims, state=st.sampled_from(ENDED))
    def a_worker_ends_a_job(self, job: Job, state: str) -> None:
        runs = self._runs(job)
        assert finish(self.db, job.id, job.attempt, state, "it broke" if state == "failed" else None) == runs

    @rule(job=claims, counts=st.booleans())
    def a_worker_puts_a_job_back(self, job: Job, counts: bool) -> None:
        current, runs = get_job(self.db, job.id), self._runs(job)
        if runs:
            assert (
                put_back(self.db, current.id, current.attempt, "interrupted", counts) == get_job(self.db, job.id).state
            )
            assert get_job(self.db, job.id).state in ("queued", "failed", "cancelled")
            assert get_job(self.db, job.id).state != "queued" or not current.cancel_asked
        else:
            put_back(self.db, job.id, job.attempt, "too late", counts)
            assert get_job(self.db, job.id) == current

    @rule(job_id=ids)
    def cancel_a_job(self, job_id: int) -> None:
        state = get_job(self.db, job_id).state
        with _expected(BadInput, state in ENDED):
            assert cancel(self.db, job_id) == ("asked" if state == "running" else "cancelled")

    @rule(job_id=ids)
    def try_a_job_again(self, job_id: int) -> None:
        states = {job.id: job.state for job in list_jobs(self.db)}
        waits = any(states[after] in ("failed", "cancelled") for after in get_job(self.db, job_id).after)
        with _expected(BadInput, states[job_id] not in ("failed", "cancelled") or waits):
            for revived in retry(self.db, job_id):
                assert self.ended.pop(revived) in ("failed", "cancelled")

    @invariant()
    def what_runs_alone_runs_alone(self) -> None:
        running = [job.id for job in self._jobs() if job.state == "running"]
        assert len(running) <= 1 or not self.alone & set(running)

    @invariant()
    def attempts_never_fall(self) -> None:
        attempts = {job.id: job.attempt for job in self._jobs()}
        assert all(attempts[job_id] >= attempt for job_id, attempt in self.attempts.items())
        self.attempts = attempts

    @invariant()
    def what_has_ended_stays_so_until_it_is_tried_again(self) -> None:
        states = {job.id: job.state for job in self._jobs()}
        assert {job_id: states[job_id] for job_id in self.ended} == self.ended
        self.ended = {job_id: state for job_id, state in states.items() if state in ENDED}

    @invariant()
    def only_what_was_started_has_attempts_and_only_what_ended_an_end(self) -> None:
        for job in self._jobs():
            started = sum(event.event == "started" for event in list_events(self.db, job.id))
            assert job.attempt == started
            assert (job.finished_at is not None) == job.ended
            assert job.attempt <= job.last_attempt

    @invariant()
    def what_runs_has_what_it_waited_for(self) -> None:
        states = {job.id: job.state for job in self._jobs()}
        for job in self._jobs():
            if job.state == "running":
                assert {states[after] for after in job.after} <= {"succeeded"}

    def _jobs(self) -> list[Job]:
        return list_jobs(self.db)

    def _runs(self, job: Job) -> bool:
        current = get_job(self.db, job.id)
        return current.state == "running" and current.attempt == job.attempt

    def _next(self) -> int | None:
        """What is to be claimed now, by the rules as the documentation has them."""
        jobs = {job.id: job for job in self._jobs()}
        running = {job.id for job in jobs.values() if job.state == "running"}
        ready = [
            job
            for job in jobs.values()
            if job.state == "queued" and all(jobs[after].state == "succeeded" for after in job.after)
        ]
        best = min(ready, key=lambda job: (-job.priority, job.id), default=None)
        if best is None or running & self.alone or (running and best.id in self.alone):
            return None
        return best.id


@contextmanager
def _expected(error: type[Exception], whether: bool) -> Iterator[None]:
    """The error, if and only if it is due."""
    if whether:
        with pytest.raises(error):
            yield
    else:
        yield


TestJobs = Jobs.TestCase
TestJobs.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
