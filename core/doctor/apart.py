"""Runs a trial (`core.doctor.trial`) in a process of its own."""

import signal
import subprocess
import sys

from core.errors import TtsdashError

_LONGEST_S = 60


def try_apart(trial: str, given: str = "") -> str:
    """What the trial returns, given that on its standard input. Raises TtsdashError with why it failed."""
    command = [sys.executable, "-P", "-m", "core.doctor.trial", trial]
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=_LONGEST_S)
    except subprocess.TimeoutExpired:
        raise TtsdashError(f"no answer within {_LONGEST_S} s") from None
    if done.returncode < 0:
        raise TtsdashError(f"it takes its process with it ({_signal(-done.returncode)})")
    if done.returncode:
        raise TtsdashError(_last_line(done.stderr) or f"its process ended with {done.returncode}")
    return _last_line(done.stdout)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_line(text: str) -> str:
    return next(iter(reversed(text.strip().splitlines())), "")
