"""`core.store.lifecycle` and `.control`, whatever happens in whatever order: the rules that no sequence of calls may break."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from core.errors import InvalidInput, NotFound
from core.records.job_states import ENDED
from core.records.jobs import ATTEMPTS, ENDED_PHRASES, NO_LIMITS, Job, NewJob
from core.records.resources import DEFAULT_RESOURCES, Capacity, Resources
from core.store.database import open_store, transaction
from core.store.jobs import OPEN, StaleAttempt, add_job, count_jobs, list_jobs, list_queued, open_ids
from core.store.lifecycle import claim, commit_result, finish, is_paused, report, requeue
from core.store.pausing import pause_jobs, resume_jobs
from core.store.queue_control import (
    JobUpdate,
    cancel,
    cancel_all,
    forget_ended,
    move_before,
    move_first,
    move_last,
    pause,
    resume,
    retry,
    retry_failed,
    update_job,
)
from core.workspace import Workspace
from tests.core.store.job_queue import LATER
from tests.core.voice_files import voice_file
from tests.factories import add_voice

CAPACITY = Capacity(slots=3, cores=4, memory_mb=1000)
IN_VAIN = ("failed", "cancelled")


@dataclass(frozen=True)
class Request:
    """A job as somebody wants it."""

    variant: str | None
    resources: Resources
    priority: int
    after: list[int]
    timed: bool
    resumable: bool


@dataclass(frozen=True)
class Interruption:
    """How a job is put back."""

    counts: bool = True
    timed: bool = False


@dataclass(frozen=True)
class Turn:
    """What a worker does."""

    starts: int
    nth: int
    made: bool
    end: str | Interruption | None


RARELY = st.integers(0, 9).map(lambda number: number == 9)
NTH = st.integers(0, 5)
ANY = st.integers(0, 30)
PRIORITIES = st.integers(-1, 1)
RESOURCES = st.sampled_from(
    [
        *(
            DEFAULT_RESOURCES,
            DEFAULT_RESOURCES,
            Resources(cores=2),
            Resources(cores=3),
            Resources(memory_mb=400),
            Resources(memory_mb=700),
        ),
        # These start only where nothing runs.
        *(Resources(exclusive=True), Resources(cores=8), Resources(memory_mb=2000)),
    ]
)
REQUESTS = st.builds(
    Request,
    variant=st.sampled_from([None, None, "int8", "int4"]),
    resources=RESOURCES,
    priority=PRIORITIES,
    after=st.just([]) | st.lists(NTH, max_size=2),
    timed=RARELY,
    resumable=st.booleans(),
)
KILLED, STOPPED, DELAYED = Interruption(), Interruption(counts=False), Interruption(timed=True)
TURNS = st.builds(
    Turn,
    starts=st.integers(0, 3),
    nth=NTH,
    made=RARELY,
    end=st.sampled_from([None, *("succeeded", "failed", "cancelled") * 2, *(KILLED,) * 4, STOPPED, STOPPED, DELAYED]),
)
ACTS = {
    "add": st.tuples(REQUESTS),
    "go_on": st.tuples(TURNS),
    "come_too_late": st.tuples(ANY),
    "cancel": st.tuples(NTH),
    "cancel_all": st.tuples(),
    "retry": st.tuples(NTH),
    "retry_failed": st.tuples(),
    "move": st.tuples(NTH, st.sampled_from(["first", "last", "before", "before"]), NTH),
    "change": st.tuples(NTH, PRIORITIES, st.booleans()),
    "wait_for": st.tuples(NTH, st.lists(ANY, max_size=2)),
    "pause": st.tuples(RARELY),
    "pause_some": st.tuples(st.lists(NTH, min_size=1, max_size=2)),
    "resume_some": st.tuples(st.lists(NTH, min_size=1, max_size=3)),
    "forget_ended": st.tuples(),
    "try_what_cannot_be": st.tuples(ANY),
}
# One rule chooses among them: of as many rules Hypothesis leaves out most in each run, the worker's or the callers'.
OFTEN = (
    *("add",) * 6 + ("go_on",) * 12,
    *("cancel", "retry", "move", "change", "wait_for", "pause_some", "resume_some") * 2,
)


@dataclass
class Known:
    """A job as it must be."""

    variant: str | None
    resources: Resources
    priority: int
    after: set[int]
    timed: bool
    """It waits for a time that does not come."""
    resumable: bool
    """It goes on where it was."""
    state: str = "queued"
    attempt: int = 0
    last_attempt: int = ATTEMPTS
    asked: bool = False
    """To end."""
    paused: bool = False
    made: bool = False
    """It has handed in its result."""
    error: str | None = None


class Jobs(RuleBasedStateMachine):
    """Callers, workers and children, live ones and forgotten ones, on one job table."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.db = open_store(Workspace(self.folder))
        # Nobody pulls the plug here.
        self.db.execute("PRAGMA synchronous = OFF")
        self.voice = add_voice(self.db, voice_file())
        self.ids: list[int] = []
        self.claims: list[Job] = []
        """All that ever were."""
        self.known: dict[int, Known] = {}
        self.order: list[int] = []
        """Those that wait, the next one first."""
        self.untouched: set[int] = set()
        """Those that nobody has moved, given another priority, or tried again."""
        self.paused = False

    def teardown(self) -> None:
        self.db.close()
        shutil.rmtree(self.folder)

    @initialize(requests=st.lists(REQUESTS, min_size=3, max_size=6))
    def start_with_some(self, requests: list[Request]) -> None:
        for request in requests:
            self.add(request)

    @rule(act=st.sampled_from([*ACTS, *OFTEN]).flatmap(lambda name: st.tuples(st.just(name), ACTS[name])))
    def act(self, act: tuple[str, tuple[Any, ...]]) -> None:
        name, given = act
        getattr(self, name)(*given)

    def add(self, request: Request) -> None:
        possible = self._in_state(*OPEN, "succeeded")
        after = tuple(_pick(possible, nth) for nth in request.after if possible)
        times = LATER if request.timed else None
        with transaction(self.db):
            kind = "distill" if request.resumable else "any"
            job = NewJob(
                kind, self.voice.id, request.variant, {}, request.resources, NO_LIMITS, request.priority, after, times
            )
            job_id = add_job(self.db, job)
        assert job_id not in self.known
        self.known[job_id] = Known(
            request.variant, request.resources, request.priority, set(after), request.timed, request.resumable
        )
        # Behind all that wait with its priority.
        self.order.insert(sum(self.known[entry].priority >= request.priority for entry in self.order), job_id)
        self.untouched.add(job_id)
        self.ids.append(job_id)

    def go_on(self, turn: Turn) -> None:
        """A worker starts some; one of those that run hands in what it made, if anything, and ends, or is put back."""
        for _ in range(turn.starts):
            self._start()
        if self._in_state("running"):
            job_id = _pick(self._in_state("running"), turn.nth)
            if turn.made:
                self._hand_in(job_id)
            if isinstance(turn.end, Interruption):
                self._put_back(job_id, turn.end)
            elif turn.end:
                self._finish(job_id, turn.end)

    def _start(self) -> None:
        expected, job = self._next(), claim(self.db, CAPACITY)
        assert (job and job.id) == expected
        if job:
            known = self.known[job.id]
            known.state, known.made = "running", False
            known.attempt += 1
            self.order.remove(job.id)
            self.claims.append(job)

    def _next(self) -> int | None:
        """What is to be claimed now, by the rules as the documentation has them."""
        being_made = {self.known[job_id].variant for job_id in self._in_state("running")} - {None}
        ready = (
            job_id
            for job_id in self.order
            if not self.known[job_id].timed
            and not self.known[job_id].paused
            and self.known[job_id].variant not in being_made
            and all(self.known[entry].state == "succeeded" for entry in self.known[job_id].after)
        )
        best = next(ready, None)
        if best is None or self.paused:
            return None
        return best if _fit([self.known[best].resources, *self._running_needs()]) else None

    def _hand_in(self, job_id: int) -> None:
        known = self.known[job_id]
        with _expected(StaleAttempt if known.asked else None):
            report(self.db, job_id, known.attempt, "working", 0.5)
            commit_result(self.db, job_id, known.attempt, {"made": 1})
            known.made = True

    def _finish(self, job_id: int, state: str) -> None:
        error = "it broke" if state == "failed" else None
        assert finish(self.db, job_id, self.known[job_id].attempt, state, error)
        self._end(job_id, state, error)

    def _put_back(self, job_id: int, how: Interruption) -> None:
        known = self.known[job_id]
        times = LATER if how.timed else None
        state = requeue(self.db, job_id, known.attempt, "killed", how.counts, not_before=times)
        if known.made:
            self._end(job_id, "succeeded")
        elif known.asked:
            self._end(job_id, "cancelled")
        elif how.counts and not known.paused and known.attempt == known.last_attempt:
            self._end(job_id, "failed", "given up after 3 attempts: killed; see its log")
        else:
            known.state, known.timed = "queued", known.timed or how.timed
            known.last_attempt += 0 if how.counts and not known.paused else 1
            self._stand(job_id)
        assert state == known.state

    def come_too_late(self, nth: int) -> None:
        """What an attempt does that is over."""
        over = [job for job in self.claims if not self._runs(job)]
        if not over:
            return
        job = _pick(over, nth)
        known = self.known.get(job.id)
        with pytest.raises(StaleAttempt):
            report(self.db, job.id, job.attempt, "working", 0.5)
        assert not finish(self.db, job.id, job.attempt, "failed", "too late")
        with _expected(None if known else NotFound):
            state = requeue(self.db, job.id, job.attempt, "too late")
            assert known is None or state == known.state

    def _runs(self, job: Job) -> bool:
        known = self.known.get(job.id)
        return known is not None and (known.state, known.attempt) == ("running", job.attempt)

    def cancel(self, nth: int) -> None:
        if not self._in_state(*OPEN):
            return
        job_id = _pick(self._in_state(*OPEN), nth)
        asked = self.known[job_id].state == "running"
        assert cancel(self.db, job_id) == ("asked" if asked else "cancelled")
        if asked:
            self.known[job_id].asked = True
        else:
            self._end(job_id, "cancelled")

    def cancel_all(self) -> None:
        running = self._in_state("running")
        assert cancel_all(self.db) == (len(self.order), running)
        for job_id in self.order:
            self.known[job_id].state, self.known[job_id].paused = "cancelled", False
        self.order = []
        for job_id in running:
            self.known[job_id].asked = True

    def retry_failed(self) -> None:
        self._revive(self._in_state("failed"), retry_failed(self.db))

    def retry(self, nth: int) -> None:
        if not self._in_state(*IN_VAIN):
            return
        job_id = _pick(self._in_state(*IN_VAIN), nth)
        waits = any(self.known[entry].state in IN_VAIN for entry in self.known[job_id].after)
        with _expected(InvalidInput if waits else None):
            self._revive([job_id], retry(self.db, job_id))

    def _revive(self, ids: list[int], queued_again: list[int]) -> None:
        """These are queued again, and what was cancelled because of them, and nothing else."""
        revived = []
        while ids:
            for job_id in ids:
                known = self.known[job_id]
                known.state, known.asked, known.error = "queued", False, None
                known.last_attempt = known.attempt + ATTEMPTS
                self._stand(job_id)
            revived += ids
            ids = [
                job_id
                for job_id in self._in_state("cancelled")
                if self.known[job_id].error
                and self.known[job_id].after & set(revived)
                and not any(self.known[entry].state in IN_VAIN for entry in self.known[job_id].after)
            ]
        self.untouched -= set(revived)
        assert sorted(queued_again) == sorted(revived)

    def move(self, nth: int, where: str, other: int) -> None:
        if not self.order:
            return
        job_id = _pick(self.order, nth)
        if where == "first":
            move_first(self.db, job_id)
            self._put(job_id, self.order[0])
        elif where == "last":
            move_last(self.db, job_id)
            self._put(job_id, self.order[-1], behind=1)
        else:
            move_before(self.db, job_id, _pick(self.order, other))
            self._put(job_id, _pick(self.order, other))

    def _put(self, job_id: int, other_id: int, behind: int = 0) -> None:
        if job_id != other_id:
            self.order.remove(job_id)
            self.order.insert(self.order.index(other_id) + behind, job_id)
            self.known[job_id].priority = self.known[other_id].priority
        self.untouched.discard(job_id)

    def change(self, nth: int, priority: int, at_once: bool) -> None:
        if not self.order:
            return
        job_id = _pick(self.order, nth)
        update_job(self.db, job_id, JobUpdate(priority=priority, clear_not_before=at_once), "edited")
        self.known[job_id].priority = priority
        self.known[job_id].timed &= not at_once
        self.untouched.discard(job_id)
        self.order.remove(job_id)
        self._stand(job_id)

    def wait_for(self, nth: int, others: list[int]) -> None:
        if not self.order:
            return
        job_id, after = _pick(self.order, nth), [_pick(self.ids, other) for other in others]
        refused = next(filter(None, (self._refusal(entry, (*OPEN, "succeeded")) for entry in after)), None)
        if not refused and any(job_id in self._awaited(entry) for entry in after):
            refused = InvalidInput
        with _expected(refused):
            update_job(self.db, job_id, JobUpdate(after=tuple(after)), "after")
            self.known[job_id].after = set(after)

    def _awaited(self, job_id: int) -> set[int]:
        """The job, and all that it waits for, directly or through others."""
        return {job_id}.union(*(self._awaited(entry) for entry in self.known[job_id].after))

    def pause(self, paused: bool) -> None:
        assert (pause if paused else resume)(self.db) == (paused != self.paused)
        self.paused = paused

    def pause_some(self, nth: list[int]) -> None:
        if not self._in_state(*OPEN):
            return
        ids = list(dict.fromkeys(_pick(self._in_state(*OPEN), entry) for entry in nth))
        refused = any(
            self.known[job_id].asked or (self.known[job_id].state == "running" and not self.known[job_id].resumable)
            for job_id in ids
        )
        with _expected(InvalidInput if refused else None):
            assert pause_jobs(self.db, ids) == [job_id for job_id in ids if not self.known[job_id].paused]
            for job_id in ids:
                self.known[job_id].paused = True

    def resume_some(self, nth: list[int]) -> None:
        if not self._in_state(*OPEN):
            return
        ids = list(dict.fromkeys(_pick(self._in_state(*OPEN), entry) for entry in nth))
        assert resume_jobs(self.db, ids) == [job_id for job_id in ids if self.known[job_id].paused]
        for job_id in ids:
            self.known[job_id].paused = False

    def forget_ended(self) -> None:
        ended = self._in_state(*ENDED)
        assert forget_ended(self.db) == ended
        for job_id in ended:
            del self.known[job_id]
        for known in self.known.values():
            known.after -= set(ended)

    def try_what_cannot_be(self, nth: int) -> None:
        job_id = _pick(self.ids, nth)
        only_queued = (
            move_first,
            move_last,
            partial(move_before, other_id=job_id),
            partial(update_job, changes=JobUpdate(), detail=""),
        )
        one = [(lambda db, job_id, act=act: act(db, [job_id]), OPEN) for act in (resume_jobs, pause_jobs)]
        acts = [(cancel, OPEN), (retry, IN_VAIN), *one, *((act, ("queued",)) for act in only_queued)]
        for act, states in acts:
            refused = self._refusal(job_id, states)
            if refused:
                with pytest.raises(refused):
                    act(self.db, job_id)

    def _refusal(self, job_id: int, states: tuple[str, ...]) -> type[Exception] | None:
        """What must be raised for a job that has to be in one of these states."""
        if job_id not in self.known:
            return NotFound
        return None if self.known[job_id].state in states else InvalidInput

    def _in_state(self, *states: str) -> list[int]:
        return [job_id for job_id, known in self.known.items() if known.state in states]

    def _running_needs(self) -> list[Resources]:
        return [self.known[job_id].resources for job_id in self._in_state("running")]

    def _end(self, job_id: int, state: str, error: str | None = None) -> None:
        """With it goes what waits for it in vain."""
        self.known[job_id].state, self.known[job_id].error = state, error
        self.known[job_id].paused = False
        if state == "succeeded":
            self._leave(job_id)
            return
        reason = f"job {job_id}, which it waits for, {ENDED_PHRASES[state]}"
        for entry in [entry for entry in self.order if job_id in self._awaited(entry) - {entry}]:
            self.known[entry].state, self.known[entry].error = "cancelled", reason
            self.known[entry].paused = False
            self._leave(entry)
        self._leave(job_id)

    def _leave(self, job_id: int) -> None:
        if job_id in self.order:
            self.order.remove(job_id)

    def _stand(self, job_id: int) -> None:
        """Put a job where its priority and its turn have it. Its turn is its own: others may have been moved around it."""
        turns = {job.id: (-job.priority, job.position, job.id) for job in list_jobs(self.db)}
        self.order.insert(sum(turns[entry] < turns[job_id] for entry in self.order), job_id)

    @invariant()
    def every_job_is_as_it_must_be(self) -> None:
        jobs = {job.id: job for job in list_jobs(self.db)}
        assert {
            job_id: Known(
                variant=job.variant,
                resources=job.resources,
                priority=job.priority,
                after=set(job.after),
                timed=job.not_before is not None,
                resumable=job.kind == "distill",
                state=job.state,
                attempt=job.attempt,
                last_attempt=job.last_attempt,
                asked=job.cancel_asked,
                paused=job.paused_at is not None,
                made=self.known[job_id].made,
                error=job.error,
            )
            for job_id, job in jobs.items()
        } == self.known
        for job in jobs.values():
            assert (job.finished_at is not None) == job.ended
            assert {entry for entry in job.after if not jobs[entry].ended} == set(job.waits_for)
            assert (job.result is not None) <= self.known[job.id].made

    @invariant()
    def the_queue_stands_in_its_order(self) -> None:
        assert [job.id for job in list_queued(self.db)] == self.order
        assert is_paused(self.db) == self.paused
        assert count_jobs(self.db) == Counter(known.state for known in self.known.values())
        assert open_ids(self.db) == self._in_state(*OPEN)

    @invariant()
    def what_nobody_moved_stands_by_priority_and_age(self) -> None:
        untouched = [job_id for job_id in self.order if job_id in self.untouched]
        assert untouched == sorted(untouched, key=lambda job_id: (-self.known[job_id].priority, job_id))

    @invariant()
    def what_runs_has_room_and_what_it_waited_for(self) -> None:
        assert _fit(self._running_needs())
        for known in self.known.values():
            if known.state == "running":
                assert {self.known[entry].state for entry in known.after} <= {"succeeded"}
            if known.state == "queued":
                assert not {self.known[entry].state for entry in known.after} & set(IN_VAIN)

    @invariant()
    def every_attempt_is_reported(self) -> None:
        started = dict(
            map(tuple, self.db.execute("SELECT job_id, sum(event = 'started') FROM job_events GROUP BY job_id"))
        )
        assert started == {job_id: known.attempt for job_id, known in self.known.items()}


def _pick(ids: list[int], nth: int) -> int:
    return ids[nth % len(ids)]


def _fit(resources: list[Resources]) -> bool:
    """Whether these may run side by side. One always may."""
    return len(resources) <= 1 or (
        not any(each.exclusive for each in resources)
        and len(resources) <= CAPACITY.slots
        and sum(each.cores for each in resources) <= CAPACITY.cores
        and sum(each.memory_mb for each in resources) <= CAPACITY.memory_mb
    )


@contextmanager
def _expected(error: type[Exception] | None) -> Iterator[None]:
    """The error, if and only if it is due."""
    if error:
        with pytest.raises(error):
            yield
    else:
        yield


TestJobs = Jobs.TestCase
TestJobs.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
