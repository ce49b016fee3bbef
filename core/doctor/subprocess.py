"""Runs a trial (`core.doctor.isolated_checks`) in a process of its own."""

from core.processes import run_module


def try_apart(trial: str, given: str = "") -> str:
    """Return the trial's answer to what it reads on its standard input. Raises TtsdashError with why it failed."""
    return run_module("core.doctor.isolated_checks", trial, stdin=given)
