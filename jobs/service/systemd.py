"""The worker as a unit of the user's own systemd."""

import os
import re
from pathlib import Path

from core.doctor.logout import lingers, user_name
from core.errors import InvalidInput
from jobs.lock import ALREADY_RUNNING
from jobs.service.service import SERVICE_VARIABLE, Service
from jobs.service.steps import Command

_UNIT = """\
# Written by `ttsdash worker install`. What `systemctl --user edit {name}` adds lies elsewhere, and stays.
[Unit]
Description=ttsdash worker ({folder})
# Five failed starts in five minutes, and it is given up.
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=exec
ExecStart={command}
WorkingDirectory={folder}/
Environment=PYTHONUTF8=1 {variable}={name}
# The worker alone is told to end: it puts its jobs back into the queue. Whatever is left then is killed.
KillMode=mixed
TimeoutStopSec=30
# A job that memory runs out for fails; the worker goes on.
OOMPolicy=continue
Restart=on-failure
RestartSec=5
# Another worker has the workspace.
RestartPreventExitStatus={already_running}

[Install]
WantedBy=default.target
"""


def systemd_service(name: str, command: tuple[str, ...], folder: Path, root: Path = Path("/")) -> Service:
    """Raises BadInput."""
    user = user_name()
    log_in = f"log in as {user} through ssh, or `machinectl shell {user}@`, not su or sudo, then try again"

    def systemctl(*arguments: str, mend: str = log_in) -> Command:
        return Command(("systemctl", "--user", *arguments), mend)

    reload = systemctl("daemon-reload")
    enable = systemctl("enable", "--now", name, mend=f"see `journalctl --user --unit {name}`")
    ask = f"have an administrator call `loginctl enable-linger {user}`, then try again"
    linger = Command(("loginctl", "enable-linger"), ask)
    stay = (enable,) if lingers(user, root) else (enable, linger)
    return Service(
        name,
        command,
        _config_home() / "systemd" / "user" / f"{name}.service",
        unit(name, command, folder).encode(),
        start=(reload, *stay),
        restart=(reload, systemctl("restart", name, mend=enable.mend), *stay),
        keep=(reload, *stay),
        stop=(systemctl("disable", "--now", name),),
        forget=(reload,),
        promise="starts with the machine, and logging out does not end it",
        # As sd_booted(3) has it.
        absent="" if (root / "run/systemd/system").is_dir() else "no systemd runs here",
        remains="lingering stays as it is: `loginctl disable-linger` turns it off",
    )


def unit(name: str, command: tuple[str, ...], folder: Path) -> str:
    """The unit's file. Raises BadInput."""
    program, *arguments = command
    if "$" in program:
        raise InvalidInput(f"{program} has a $ in its path, which no systemd unit can name: install ttsdash elsewhere")
    return _UNIT.format(
        name=name,
        command=" ".join(map(_word, (program, *arguments))),
        # As a path it is taken literally; the slash behind it keeps a space or a backslash at its end.
        folder=_literal(str(folder)),
        variable=SERVICE_VARIABLE,
        already_running=ALREADY_RUNNING,
    )


def _word(text: str) -> str:
    """One word of a command line, as systemd.syntax(7) and systemd.service(5) have it."""
    if re.fullmatch(r"[A-Za-z0-9_/.-]+", text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{_literal(escaped)}"'


def _literal(text: str) -> str:
    """Without specifiers, as systemd.unit(5) has them."""
    return text.replace("%", "%%")


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
