"""Check whether the worker survives when its user logs out, according to systemd-logind.

With KillUserProcesses logind ends all processes of a session, even if its user lingers. A process below the user manager
(where some desktops start their terminals) ends with that manager unless the user lingers. All others survive.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from core.doctor.finding import Finding, State
from core.users import user_name

Place = Literal["session", "manager", "elsewhere"]

# The folders of logind.conf and of its drop-ins in `logind.conf.d`, in order of precedence.
_FOLDERS = ("etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd")
_TRUE = ("1", "yes", "y", "true", "t", "on")
_LINGER = "loginctl enable-linger"
_INSTALL = "ttsdash worker stop && ttsdash worker install"


def check_logout(worker: int | None, root: Path = Path("/")) -> Iterator[Finding]:
    """Check the worker by its process id; without one, check a worker that this process would start."""
    if not (root / "run/systemd/system").is_dir():
        return
    user = user_name()
    kills = kills_user_processes(login_settings(root), user)
    yield judge_logout(place_of_process(worker or os.getpid(), root), kills, lingers(user, root))


def lingers(user: str, root: Path) -> bool:
    """Return whether the user manager runs from boot on, even if the user is not logged in."""
    return (root / "var/lib/systemd/linger" / user).exists()


def judge_logout(place: Place, kills_session: bool, lingering: bool) -> Finding:
    """Return whether a worker survives; `kills_session` is whether logind ends the processes of the user's sessions."""
    if place == "session" and kills_session:
        message = "logging out ends the worker: it belongs to the session, and logind.conf has KillUserProcesses=yes"
        return Finding("logging out", State.PROBLEM, message, _INSTALL)
    if place == "manager" and not lingering:
        message = "logging out ends the worker: it belongs to your user manager, and lingering is off for you"
        return Finding("logging out", State.PROBLEM, message, _LINGER)
    return Finding("logging out", State.OK, "the worker keeps running")


def place_of_process(pid: int, root: Path) -> Place:
    """Return what a process belongs to, by its control groups; a session if that is unknown, as it is the usual case."""
    try:
        groups = (root / "proc" / str(pid) / "cgroup").read_text()
    except OSError:
        return "session"
    if re.search(r"/user@\d+\.service(/|$)", groups, re.MULTILINE):
        return "manager"
    return "elsewhere" if "/system.slice/" in groups else "session"


def kills_user_processes(settings: dict[str, str], user: str) -> bool:
    """Return whether logind ends a user's processes at logout. Distributions turn this off by default."""
    if settings.get("KillUserProcesses", "no").lower() not in _TRUE:
        return False
    if user in settings.get("KillExcludeUsers", "root").split():
        return False
    only = settings.get("KillOnlyUsers", "").split()
    return not only or user in only


def login_settings(root: Path) -> dict[str, str]:
    """Return the settings of logind.conf and its drop-ins; the last drop-in by file name wins, whatever its folder."""
    folders = [root / folder for folder in _FOLDERS]
    main = next((folder / "logind.conf" for folder in folders if (folder / "logind.conf").is_file()), None)
    drop_ins = {path.name: path for folder in reversed(folders) for path in folder.glob("logind.conf.d/*.conf")}
    settings: dict[str, str] = {}
    for file in [*([main] if main else []), *(drop_ins[name] for name in sorted(drop_ins))]:
        settings |= _read(file)
    return settings


def _read(file: Path) -> dict[str, str]:
    """Return the keys of the section Login. Like systemd, ignore invalid lines and unreadable files."""
    settings, section = {}, ""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    for line in map(str.strip, text.splitlines()):
        key, equals, value = line.partition("=")
        if line.startswith("["):
            section = line
        elif equals and section == "[Login]" and line[0] not in "#;":
            settings[key.strip()] = value.strip()
    return settings
