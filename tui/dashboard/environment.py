"""The clock, the machine and the doctor, passed into the dashboard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.clock import now

if TYPE_CHECKING:
    from core.hardware.detection import HardwareInfo
    from core.hardware.machine import Machine
    from core.workspace import Workspace
    from jobs.doctor import Findings
    from tui.dashboard.system.facts import Facts


def _machine() -> Machine:
    from core.hardware.machine import this_machine

    return this_machine()


def _hardware() -> HardwareInfo:
    from core.hardware.detection import detect_in_subprocess

    return detect_in_subprocess()


def _machine_facts() -> Facts:
    from tui.dashboard.system.facts import machine_facts

    return machine_facts()


def _version_facts() -> Facts:
    from tui.dashboard.system.facts import version_facts

    return version_facts()


def _disk_facts(workspace: Workspace) -> Facts:
    from tui.dashboard.system.facts import disk_facts

    return disk_facts(workspace)


async def _run_doctor(workspace: Workspace) -> Findings:
    from tui.dashboard.system.doctor import run_doctor

    return await run_doctor(workspace)


@dataclass(frozen=True)
class Environment:
    """The clock, the machine and the doctor: real by default, recorded in tests.

    All but `clock` may block: call them in a thread.
    """

    clock: Callable[[], str] = now
    machine: Callable[[], Machine] = _machine
    hardware: Callable[[], HardwareInfo] = _hardware
    machine_facts: Callable[[], Facts] = _machine_facts
    version_facts: Callable[[], Facts] = _version_facts
    disk_facts: Callable[[Workspace], Facts] = _disk_facts
    run_doctor: Callable[[Workspace], Awaitable[Findings]] = _run_doctor
    """Raises TtsdashError and OSError."""
