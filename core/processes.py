"""Running ttsdash's own modules in subprocesses, and ending a process together with its parent."""

import ctypes
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping

from core.errors import TtsdashError, format_error

_PR_SET_PDEATHSIG = 1
_TIMEOUT_S = 60


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs one of ttsdash's modules with this Python.

    `-P` keeps the working directory off the module search path: a file there cannot shadow a library. In UTF-8 mode the
    paths in the store are the same files in any locale.
    """
    return [sys.executable, "-X", "utf8", "-P", "-m", module, *arguments]


def child_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment for one of ttsdash's modules: any character can be printed, whatever the user has set."""
    return {**environment, "PYTHONIOENCODING": "utf-8:backslashreplace"}


def python_command(*arguments: str) -> str:
    """Return the command line, for a shell, that runs the Python that runs ttsdash."""
    return shlex.join([sys.executable, *arguments])


def pip_install(*arguments: str) -> str:
    """Return the command line that installs packages for the Python that runs ttsdash."""
    return python_command("-m", "pip", "install", *arguments)


def run_module(module: str, *arguments: str) -> str:
    """Run one of ttsdash's modules in a subprocess and return the last line that it prints.

    Raises TtsdashError with the reason: the last line on its standard error, the signal that killed it, or a timeout.
    """
    command = module_command(module, *arguments)
    try:
        done = subprocess.run(
            command,
            input="",
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=child_environment(),
            check=False,
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise TtsdashError(f"no answer within {_TIMEOUT_S} s") from None
    except OSError as error:
        raise TtsdashError(format_error(error)) from error
    if done.returncode < 0:
        raise TtsdashError(f"its process was killed ({signal_name(-done.returncode)})")
    if done.returncode:
        raise TtsdashError(_last_line(done.stderr) or f"its process exited with {done.returncode}")
    return _last_line(done.stdout)


def signal_name(number: int) -> str:
    """Return the name of a signal."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""


def die_with_parent(parent: int) -> None:
    """Kill this process when `parent`, which started it, ends: by the kernel on Linux, by a check every second on macOS."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
