"""The limits that a process inherits from its shell: which are lifted, which remain, and how they are described."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from core.hardware.detection import allowed_cores, usable_cores
from core.hardware.limits import KEEP, Limits, describe_limits
from core.hardware.machine import this_machine

NORMAL = Limits(machine_cores=4, cores=4)
LIFT = """
import json, resource
from core.hardware.limits import lift_limits, read_limits
lift_limits()
soft = {name: resource.getrlimit(getattr(resource, name))[0] for name in ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_NOFILE")}
print(json.dumps(read_limits().to_json() | soft))
"""


def lifted(prepare: Callable[[], None] | None = None, **variables: str) -> dict[str, Any]:
    """Return the limits that a process has which was started with these, after it has lifted what it may."""
    done = subprocess.run(
        [sys.executable, "-c", LIFT],
        preexec_fn=prepare,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def low(number: int, value: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(number, (value, resource.getrlimit(number)[1]))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen")
def test_an_affinity_is_lifted_and_changes_neither_machine_nor_process() -> None:
    first = min(os.sched_getaffinity(0))
    assert lifted(lambda: os.sched_setaffinity(0, {first}))["cores"] == allowed_cores()
    before, free = os.sched_getaffinity(0), this_machine()
    os.sched_setaffinity(0, {first})
    try:
        assert this_machine() == free
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("name", "value"), [("RLIMIT_AS", 3 * 10**9), ("RLIMIT_CPU", 1000), ("RLIMIT_NOFILE", 128)], ids=str
)
def test_soft_limits_are_lifted(name: str, value: int) -> None:
    number = getattr(resource, name)
    assert lifted(low(number, value))[name] != value


def test_a_hard_limit_remains_and_is_recorded() -> None:
    found = lifted(lambda: resource.setrlimit(resource.RLIMIT_AS, (3 * 10**9, 3 * 10**9)))
    assert found["address_space_mb"] == 3000


@pytest.mark.parametrize("policy", ["SCHED_BATCH", "SCHED_IDLE"])
def test_the_scheduling_policy_is_lifted_or_recorded(policy: str) -> None:
    if not hasattr(os, policy):
        pytest.skip("this system has no such policy")
    number = getattr(os, policy)
    found = lifted(lambda: os.sched_setscheduler(0, number, os.sched_param(0)))
    assert found["scheduling"] in ("normal", policy.removeprefix("SCHED_").lower())


def test_a_low_priority_is_lifted_where_that_is_permitted_and_recorded_otherwise() -> None:
    found = lifted(lambda: os.setpriority(os.PRIO_PROCESS, 0, 15))
    assert found["nice"] == (0 if os.geteuid() == 0 else 15)


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MALLOC_ARENA_MAX", "OPENBLAS_NUM_THREADS", "GLIBC_TUNABLES"])
def test_variables_that_change_figures_are_removed(name: str) -> None:
    assert lifted(**{name: "1"})["variables"] == []
    assert lifted(**{name: "1", KEEP: "1"})["variables"] == [f"{name}=1"]


def test_a_variable_that_changes_no_figure_is_no_limit() -> None:
    assert lifted(KMP_DUPLICATE_LIB_OK="True", **{KEEP: "1"})["variables"] == []


def test_preloaded_libraries_are_kept_and_recorded() -> None:
    assert lifted(LD_PRELOAD="libm.so.6")["variables"] == ["LD_PRELOAD=libm.so.6"]


def test_no_path_is_recorded() -> None:
    variables = {"MALLOC_TRACE": "/home/eve/trace", "GLIBC_TUNABLES": "a=1:b=/home/eve/x", KEEP: "1"}
    assert lifted(**variables)["variables"] == ["GLIBC_TUNABLES=a=1:b=x", "MALLOC_TRACE=trace"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "none"),
        ({"cores": 1}, "1 of 4 cores"),
        ({"quota": 0.5}, "0.5 CPUs by the control group"),
        ({"quota": 6.0}, "none"),
        ({"nice": 15, "scheduling": "idle"}, "nice 15, idle scheduling"),
        ({"address_space_mb": 3000}, "3000 MB of address space"),
        ({"variables": ("OMP_NUM_THREADS=1",)}, "OMP_NUM_THREADS=1"),
    ],
)
def test_limits_are_described_and_read_again(changes: dict[str, Any], words: str) -> None:
    limits = replace(NORMAL, **changes)
    assert describe_limits(limits) == words
    assert Limits.from_json(json.loads(json.dumps(limits.to_json() | {"of_a_newer_version": 1}))) == limits
    assert (describe_limits(None), Limits.from_json(None)) == ("unknown", None)
