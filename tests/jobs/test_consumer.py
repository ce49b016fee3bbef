"""`jobs.consumer`: what it relies on in the installed Huey is there, and is called where it expects it."""

import inspect
import signal
from typing import Any

import pytest
from huey import MemoryHuey
from huey.consumer import Consumer

from jobs.consumer import WorkerConsumer

OVERRIDDEN = {
    "_set_signal_handlers": ["self"],
    "_handle_signal": ["self", "signum", "frame"],
    "_join_workers": ["self"],
    "_interrupt_workers": ["self"],
    "start": ["self"],
    "stop": ["self", "graceful"],
    "loop": ["self", "health_check_ts"],
}


class Recorded(Consumer):  # type: ignore[misc]
    """Huey's own consumer, which records the calls of its private methods instead of making them."""

    def __init__(self, joins: Any = lambda: True) -> None:
        super().__init__(MemoryHuey(), workers=1)
        self.calls: list[str] = []
        self._joins = joins

    def _set_signal_handlers(self) -> None:
        self.calls.append("_set_signal_handlers")

    def _join_workers(self) -> Any:
        self.calls.append("_join_workers")
        return self._joins()

    def _interrupt_workers(self) -> None:
        self.calls.append("_interrupt_workers")


def interrupted() -> bool:
    raise KeyboardInterrupt


def test_huey_has_each_method_that_is_overridden_with_the_same_parameters() -> None:
    for name, parameters in OVERRIDDEN.items():
        assert list(inspect.signature(getattr(Consumer, name)).parameters) == parameters, name
    ours = {
        name for name, value in vars(WorkerConsumer).items() if inspect.isfunction(value) and hasattr(Consumer, name)
    }
    assert ours == {*OVERRIDDEN, "__init__"}


def test_the_docstring_names_each_private_member_that_is_used() -> None:
    text = str(inspect.getdoc(inspect.getmodule(WorkerConsumer)))
    for name in (*OVERRIDDEN, "_signum"):
        assert f"`{name}" in text, name


def test_huey_has_the_attributes_that_are_read() -> None:
    consumer = Recorded()
    assert consumer._signum is None
    assert [len(entry) for entry in consumer.worker_threads] == [2]
    assert not any(
        consumer.environment.is_alive(thread) for thread in (consumer.scheduler, consumer.worker_threads[0][1])
    )


def test_huey_sets_its_signal_handlers_at_the_end_of_its_start() -> None:
    consumer = Recorded()
    consumer.start()
    assert consumer.calls == ["_set_signal_handlers"]
    consumer.stop_flag.set()
    for thread in (consumer.scheduler, consumer.worker_threads[0][1]):
        thread.join()


def test_huey_joins_its_workers_for_a_graceful_end_and_interrupts_them_when_that_is_interrupted() -> None:
    graceful, second = Recorded(), Recorded(interrupted)
    graceful.stop(graceful=True)
    assert graceful.calls == ["_join_workers"]
    second.stop(graceful=True)
    assert second.calls == ["_join_workers", "_interrupt_workers"]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_huey_keeps_the_signal_that_it_handles(signum: signal.Signals) -> None:
    consumer, before = Recorded(), signal.getsignal(signum)
    try:
        consumer._handle_signal(signum, None)
    finally:
        signal.signal(signum, before)
    assert consumer._signum == signum
