"""The steps of installing and removing a service: files and commands, each printed before it is executed."""

import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.errors import TtsdashError, format_error
from core.files import atomic_write, mkdir_private

_MAX_RETRY_S = 30.0
_RETRY_INTERVAL_S = 0.2


@dataclass(frozen=True)
class WriteFile:
    """Write a file atomically."""

    path: Path
    content: bytes

    def __str__(self) -> str:
        return f"write {self.path}"

    def do(self) -> None:
        """Write the file, creating its folder."""
        mkdir_private(self.path.parent)
        with atomic_write(self.path) as stream:
            stream.write(self.content)


@dataclass(frozen=True)
class RemoveFile:
    """Remove a file, if it exists."""

    path: Path

    def __str__(self) -> str:
        return f"remove {self.path}"

    def do(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Command:
    """Run a command of the service manager."""

    arguments: tuple[str, ...]
    fix: str
    """What the user can do if it fails."""
    ok_codes: tuple[int, ...] = (0,)
    """Exit codes of success."""
    retry_codes: tuple[int, ...] = ()
    """Exit codes of an operation in progress, after which the command is run again."""

    @property
    def text(self) -> str:
        """Return the command as a shell would take it."""
        return shlex.join(self.arguments)

    def __str__(self) -> str:
        return f"run {self.text}"

    def do(self) -> None:
        """Run the command. Raises TtsdashError if it fails."""
        deadline = time.monotonic() + _MAX_RETRY_S
        done = self._run()
        while done.returncode in self.retry_codes and time.monotonic() < deadline:
            time.sleep(_RETRY_INTERVAL_S)
            done = self._run()
        if done.returncode not in self.ok_codes:
            message = _first_error(done.stderr)
            details = f" ({message})" if message else ""
            raise TtsdashError(f"`{self.text}` failed with exit code {done.returncode}{details}: {self.fix}")

    def _run(self) -> subprocess.CompletedProcess[str]:
        try:
            # The command keeps the terminal, where it may ask for a password.
            return subprocess.run(self.arguments, capture_output=True, text=True, errors="replace", check=False)
        except OSError as error:
            raise TtsdashError(f"cannot run `{self.text}` ({error.strerror}): {self.fix}") from error


def _first_error(stderr: str) -> str:
    """Return the first line that does not report a success, or an empty string."""
    lines = (line.strip() for line in stderr.splitlines())
    return next((line for line in lines if line and not line.startswith(("Created symlink", "Removed "))), "")


Step = WriteFile | RemoveFile | Command


@dataclass(frozen=True)
class Plan:
    """Steps, and how to roll them back if one fails."""

    steps: tuple[Step, ...]
    undo_file: Step | None = None
    """Undoes the first step."""
    rollback: tuple[Step, ...] = ()
    """Undoes all steps."""
    rolled_back: str = ""
    """The state after a rollback, for the error message."""

    @property
    def commands(self) -> list[str]:
        """Return the commands among the steps, as text."""
        return [step.text for step in self.steps if isinstance(step, Command)]


def execute(plan: Plan, show: Callable[[str], None]) -> None:
    """Show and execute each step. If one fails, roll back. Raises TtsdashError, and OSError for a file."""
    for number, step in enumerate(plan.steps):
        show(str(step))
        try:
            step.do()
        except BaseException as error:
            if not plan.undo_file or number == 0:
                raise
            # The first command changes nothing if it fails, so only the file is undone.
            _roll_back((plan.undo_file,) if number == 1 else plan.rollback, show)
            if isinstance(error, TtsdashError):
                raise TtsdashError(f"{error}; {plan.rolled_back}") from error
            raise


def _roll_back(steps: tuple[Step, ...], show: Callable[[str], None]) -> None:
    for step in steps:
        show(str(step))
        try:
            step.do()
        except (TtsdashError, OSError) as error:
            show(format_error(error))
