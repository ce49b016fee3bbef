"""Fake commands of systemd and launchd, which record how they are called."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return the root of a machine that runs systemd."""
    (tmp_path / "machine" / "run" / "systemd" / "system").mkdir(parents=True)
    return tmp_path / "machine"


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file in which the fake commands record how they are called, for a user with a temporary home."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    for name in ("systemctl", "loginctl", "launchctl"):
        stand_in(tmp_path, name)
    return tmp_path / "calls"


def stand_in(folder: Path, name: str, then: str = "") -> None:
    """Write a command that records its arguments, then runs the given shell code."""
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "{name} $*" >> "{folder}/calls"\n{then}\n')
    path.chmod(0o700)


def failing(call: str, code: int = 1, message: str = "") -> str:
    return f"case \"$*\" in *'{call}'*) printf '{message}' >&2; exit {code};; esac"


def called(calls: Path) -> list[str]:
    """Return how the fake commands were called since the last call of this function."""
    found = calls.read_text().splitlines() if calls.exists() else []
    calls.unlink(missing_ok=True)
    return found
