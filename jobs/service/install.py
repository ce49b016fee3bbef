"""Plans for installing and removing the worker of a workspace as a system service."""

import shlex
import sys
import unicodedata
from pathlib import Path

import psutil

from core.errors import InvalidInput, TtsdashError
from core.workspace import Workspace
from jobs.lock import running_worker
from jobs.service.launchd import launchd_service
from jobs.service.service import SERVICE_VARIABLE, Service, service_name
from jobs.service.steps import Plan, RemoveFile, Step, WriteFile
from jobs.service.systemd import systemd_service


def service_for(
    workspace: Workspace, slots: int | None = None, platform: str = sys.platform, root: Path = Path("/")
) -> Service:
    """Return the service that runs the workspace's worker on this machine. Raises InvalidInput."""
    options = ["--slots", str(slots)] if slots else []
    command = (sys.executable, "-P", "-m", "jobs.worker", str(workspace.root), *options)
    for word in command:
        if any(unicodedata.category(char) in ("Cc", "Cs") for char in word):
            raise InvalidInput(
                f"{word} has a character in its name that a service definition cannot contain: rename it"
            )
    name = service_name(workspace)
    if platform == "darwin":
        return launchd_service(name, command, workspace.root)
    return systemd_service(name, command, workspace.root, root)


def plan_install(workspace: Workspace, service: Service) -> Plan:
    """Plan the installation. Raises TtsdashError without a service manager, or if a worker runs that is not the service."""
    if service.unavailable:
        command = shlex.join(service.command)
        raise TtsdashError(
            f"{service.unavailable}: use `ttsdash worker start`, or have your own supervisor run {command}"
        )
    info = running_worker(workspace)
    if info and not _was_started_by(service, info.pid):
        raise TtsdashError(f"a worker is already running (pid {info.pid}): run `ttsdash worker stop`, then install")
    before = service.file.read_bytes() if service.file.exists() else None
    if before == service.content:
        return Plan(service.refresh if info else service.restart)
    write = WriteFile(service.file, service.content)
    if before is None:
        remove = RemoveFile(service.file)
        rollback: tuple[Step, ...] = (*service.stop, remove, *service.after_removal)
        return Plan((write, *service.start), remove, rollback, f"{service.file} was removed again")
    restore = WriteFile(service.file, before)
    return Plan((write, *service.restart), restore, (restore, *service.restart), f"{service.file} was restored")


def plan_uninstall(service: Service) -> Plan:
    """Plan the removal, without steps if nothing is installed. Raises TtsdashError without a service manager."""
    if not service.file.exists():
        return Plan(())
    if service.unavailable:
        raise TtsdashError(f"{service.unavailable}: remove {service.file} by hand")
    return Plan((*service.stop, RemoveFile(service.file), *service.after_removal))


def _was_started_by(service: Service, pid: int) -> bool:
    """Return whether the service manager started the worker with this pid."""
    try:
        return bool(psutil.Process(pid).environ().get(SERVICE_VARIABLE) == service.name)
    except psutil.Error:
        return False
