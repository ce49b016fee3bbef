"""The worker as a macOS launch agent."""

import os
import plistlib
from pathlib import Path

from jobs.service.service import SERVICE_VARIABLE, Service, service_home
from jobs.service.steps import Command

# Exit codes of launchctl: values of errno, and a specific one.
_NO_SUCH_PROCESS = 3
_IN_PROGRESS = 36
_NOT_LOADED = 113


def launchd_service(name: str, command: tuple[str, ...], folder: Path) -> Service:
    """Return the worker as a launch agent of the current user."""
    label = f"org.ttsdash.{name}"
    file = service_home() / "Library" / "LaunchAgents" / f"{label}.plist"
    domain = f"gui/{os.getuid()}"
    target = f"{domain}/{label}"
    log_in = f"log in on the screen of this Mac, and see `launchctl print {target}`"
    bootout = Command(
        ("launchctl", "bootout", target),
        log_in,
        ok_codes=(0, _NO_SUCH_PROCESS, _NOT_LOADED),
        retry_codes=(_IN_PROGRESS,),
    )
    bootstrap = Command(("launchctl", "bootstrap", domain, str(file)), log_in)
    return Service(
        name,
        command,
        file,
        plistlib.dumps(_agent(label, name, command, folder)),
        start=(bootout, bootstrap),
        restart=(bootout, bootstrap),
        refresh=(),
        stop=(bootout,),
        after_removal=(),
        behavior="starts when you log in on the screen of this Mac, and runs until you log out there",
    )


def _agent(label: str, name: str, command: tuple[str, ...], folder: Path) -> dict[str, object]:
    """Return the property list, as in launchd.plist(5)."""
    return {
        "Label": label,
        "ProgramArguments": list(command),
        "WorkingDirectory": str(folder),
        "EnvironmentVariables": {"PYTHONUTF8": "1", SERVICE_VARIABLE: name},
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        # launchd also restarts it while another worker holds the workspace: once a minute costs nothing.
        "ThrottleInterval": 60,
        # Other types have their CPU and disk throttled, which benchmarks would measure.
        "ProcessType": "Interactive",
    }
