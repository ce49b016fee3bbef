"""The worker as a systemd user unit."""

import os
import re
import shlex
from pathlib import Path

from core.doctor.logout import lingers
from core.errors import InvalidInput
from core.users import user_name
from jobs.lock import ALREADY_RUNNING
from jobs.service.service import SERVICE_VARIABLE, Service, service_home
from jobs.service.steps import Command

_UNIT = """\
# Written by `ttsdash worker install`. Additions by `systemctl --user edit {name}` are kept in another file.
[Unit]
Description=ttsdash worker ({folder})
# Give up after five failed starts in five minutes.
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=exec
ExecStart={command}
WorkingDirectory={folder}/
Environment=PYTHONUTF8=1 {variable}={name}
# Only the worker gets SIGTERM; it requeues its jobs. Whatever is left afterwards is killed.
KillMode=mixed
TimeoutStopSec=30
# A job that runs out of memory fails; the worker continues.
OOMPolicy=continue
Restart=on-failure
RestartSec=5
# Another worker holds the workspace.
RestartPreventExitStatus={already_running}

[Install]
WantedBy=default.target
"""


def systemd_service(name: str, command: tuple[str, ...], folder: Path, root: Path = Path("/")) -> Service:
    """Return the worker as a user unit that also runs while its user is logged out. Raises InvalidInput."""
    user = user_name()
    log_in = f"log in as {user} with ssh or `machinectl shell {user}@`, not with su or sudo, then try again"

    def systemctl(*arguments: str, fix: str = log_in) -> Command:
        return Command(("systemctl", "--user", *arguments), fix)

    reload = systemctl("daemon-reload")
    enable = systemctl("enable", "--now", name, fix=f"see `journalctl --user --unit {name}`")
    ask = f"ask an administrator to run `loginctl enable-linger {shlex.quote(user)}`, then try again"
    linger = Command(("loginctl", "enable-linger"), ask)
    stay = (enable,) if lingers(user, root) else (enable, linger)
    return Service(
        name,
        command,
        _config_home() / "systemd" / "user" / f"{name}.service",
        unit(name, command, folder).encode(),
        start=(reload, *stay),
        restart=(reload, systemctl("restart", name, fix=enable.fix), *stay),
        refresh=(reload, *stay),
        stop=(systemctl("disable", "--now", name),),
        after_removal=(reload,),
        behavior="starts with the machine and keeps running when you log out",
        # The test of sd_booted(3).
        unavailable="" if (root / "run/systemd/system").is_dir() else "systemd does not run on this machine",
        remains="lingering stays enabled (turn it off with `loginctl disable-linger`)",
    )


def unit(name: str, command: tuple[str, ...], folder: Path) -> str:
    """Return the content of the unit file. Raises InvalidInput."""
    program, *arguments = command
    if "$" in program:
        raise InvalidInput(
            f"{program} has a $ in its path, which a systemd unit cannot contain: install ttsdash elsewhere"
        )
    return _UNIT.format(
        name=name,
        command=" ".join(map(_word, (program, *arguments))),
        # Paths are taken literally; the trailing slash in the template preserves a final space or backslash.
        folder=_literal(str(folder)),
        variable=SERVICE_VARIABLE,
        already_running=ALREADY_RUNNING,
    )


def _word(text: str) -> str:
    """Quote a word of a command line, as in systemd.syntax(7) and systemd.service(5)."""
    if re.fullmatch(r"[A-Za-z0-9_/.-]+", text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{_literal(escaped)}"'


def _literal(text: str) -> str:
    """Escape the specifiers of systemd.unit(5)."""
    return text.replace("%", "%%")


def _config_home() -> Path:
    """Return the folder of user units. A relative $XDG_CONFIG_HOME is ignored, as its specification demands."""
    named = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return named if named.is_absolute() else service_home() / ".config"
