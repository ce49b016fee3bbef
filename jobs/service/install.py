"""Plans how the worker of a workspace becomes a service of this machine, and how it ceases to be one."""

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
    """The worker of a workspace as a service of this machine. Raises BadInput."""
    options = ["--slots", str(slots)] if slots else []
    command = (sys.executable, "-P", "-m", "jobs.worker", str(workspace.root), *options)
    for word in command:
        if any(unicodedata.category(char) in ("Cc", "Cs") for char in word):
            raise InvalidInput(f"{word} has a character in its name that no service can be told of: rename it")
    name = service_name(workspace)
    if platform == "darwin":
        return launchd_service(name, command, workspace.root)
    return systemd_service(name, command, workspace.root, root)


def plan_install(workspace: Workspace, service: Service) -> Plan:
    """Raises TtsdashError where no service can be installed, or where a worker runs that is none."""
    if service.absent:
        by_hand = shlex.join(service.command)
        raise TtsdashError(
            f"{service.absent}: call `ttsdash worker start`, or have a supervisor of your own run {by_hand}"
        )
    info = running_worker(workspace)
    if info and not _is_of(service, info.pid):
        raise TtsdashError(f"a worker runs already (pid {info.pid}): `ttsdash worker stop`, then install")
    before = service.file.read_bytes() if service.file.exists() else None
    if before == service.content:
        return Plan(service.keep if info else service.restart)
    write = WriteFile(service.file, service.content)
    if before is None:
        remove = RemoveFile(service.file)
        back: tuple[Step, ...] = (*service.stop, remove, *service.forget)
        return Plan((write, *service.start), remove, back, f"{service.file} is removed again")
    restore = WriteFile(service.file, before)
    return Plan((write, *service.restart), restore, (restore, *service.restart), f"{service.file} is as it was")


def plan_uninstall(service: Service) -> Plan:
    """Without steps where nothing is installed. Raises TtsdashError where no service can be removed."""
    if not service.file.exists():
        return Plan(())
    if service.absent:
        raise TtsdashError(f"{service.absent}: remove {service.file} by hand")
    return Plan((*service.stop, RemoveFile(service.file), *service.forget))


def _is_of(service: Service, pid: int) -> bool:
    """Whether it was the service's manager that started the worker with this number."""
    try:
        return bool(psutil.Process(pid).environ().get(SERVICE_VARIABLE) == service.name)
    except psutil.Error:
        return False
