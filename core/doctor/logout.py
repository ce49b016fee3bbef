"""Whether a worker that was started here outlives the logging out of who started it, as systemd-logind has it.

logind ends what was started in a session if it is told to (KillUserProcesses), whether its user lingers or not. What was
started below the user's own manager, as some desktops do with their terminals, ends with that manager unless the user
lingers. All else stays.
"""

import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from core.doctor.finding import Finding, State

Place = Literal["session", "manager", "elsewhere"]

# Where logind looks for its file, and for pieces of it in `logind.conf.d`: the first has precedence.
_FOLDERS = ("etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd")
_TRUE = ("1", "yes", "y", "true", "t", "on")
_LINGER = "loginctl enable-linger"
_INSTALL = "ttsdash worker stop && ttsdash worker install"


def check_logout(worker: int | None, root: Path = Path("/")) -> Iterator[Finding]:
    """`worker` is the number of its process; without one it counts where it would be started from: here."""
    if not (root / "run/systemd/system").is_dir():
        return
    user = user_name()
    killed = kills(login_settings(root), user)
    yield judge_logout(place_of(worker or os.getpid(), root), killed, lingers(user, root))


def user_name() -> str:
    """Of whom this process belongs to; the number where the system has no name for it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def lingers(user: str, root: Path) -> bool:
    """Whether the user's manager runs from the machine's start on, logged in or not."""
    return (root / "var/lib/systemd/linger" / user).exists()


def judge_logout(place: Place, killed: bool, lingering: bool) -> Finding:
    """`killed`: logind ends what was started in a session of this user."""
    if place == "session" and killed:
        says = "logging out ends the worker: KillUserProcesses=yes in logind.conf, and it belongs to the session"
        return Finding("logging out", State.PROBLEM, says, _INSTALL)
    if place == "manager" and not lingering:
        says = "logging out ends the worker: it belongs to your user manager, and you do not linger"
        return Finding("logging out", State.PROBLEM, says, _LINGER)
    return Finding("logging out", State.OK, "the worker goes on")


def place_of(pid: int, root: Path) -> Place:
    """By the process's control groups. What cannot be told is taken for the usual: a session."""
    try:
        groups = (root / "proc" / str(pid) / "cgroup").read_text()
    except OSError:
        return "session"
    if re.search(r"/user@\d+\.service(/|$)", groups, re.MULTILINE):
        return "manager"
    return "elsewhere" if "/system.slice/" in groups else "session"


def kills(settings: dict[str, str], user: str) -> bool:
    """Whether logind ends a user's processes; distributions are built so that it does not unless told to."""
    if settings.get("KillUserProcesses", "no").lower() not in _TRUE:
        return False
    if user in settings.get("KillExcludeUsers", "root").split():
        return False
    only = settings.get("KillOnlyUsers", "").split()
    return not only or user in only


def login_settings(root: Path) -> dict[str, str]:
    """What logind.conf and the pieces of it say; of several the last one counts, sorted by name wherever they lie."""
    folders = [root / folder for folder in _FOLDERS]
    main = next((folder / "logind.conf" for folder in folders if (folder / "logind.conf").is_file()), None)
    pieces = {piece.name: piece for folder in reversed(folders) for piece in folder.glob("logind.conf.d/*.conf")}
    settings: dict[str, str] = {}
    for file in [*([main] if main else []), *(pieces[name] for name in sorted(pieces))]:
        settings |= _read(file)
    return settings


def _read(file: Path) -> dict[str, str]:
    """The keys of its section Login. systemd passes over what it does not understand, and over what it may not read."""
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
