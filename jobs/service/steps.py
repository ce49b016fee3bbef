"""What is done to install a service and to remove it: files and commands, each named before it is done."""

import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.errors import TtsdashError, format_error
from core.files import atomic_write, mkdir_private

_LONGEST_S = 30.0
_LOOK_S = 0.2


@dataclass(frozen=True)
class WriteFile:
    """Has the file hold just that; it is at any moment what it was, or the whole of it."""

    path: Path
    content: bytes

    def __str__(self) -> str:
        return f"write {self.path}"

    def do(self) -> None:
        mkdir_private(self.path.parent)
        with atomic_write(self.path) as stream:
            stream.write(self.content)


@dataclass(frozen=True)
class RemoveFile:
    path: Path

    def __str__(self) -> str:
        return f"remove {self.path}"

    def do(self) -> None:
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Command:
    """One that the service manager is told things with."""

    arguments: tuple[str, ...]
    mend: str
    """What to do when it fails."""
    well: tuple[int, ...] = (0,)
    """The exit codes of one that did not fail."""
    again: tuple[int, ...] = ()
    """The exit codes of one that is still at it, and has to be asked again."""

    @property
    def text(self) -> str:
        return shlex.join(self.arguments)

    def __str__(self) -> str:
        return f"run {self.text}"

    def do(self) -> None:
        """Raises TtsdashError."""
        deadline = time.monotonic() + _LONGEST_S
        done = self._run()
        while done.returncode in self.again and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
            done = self._run()
        if done.returncode not in self.well:
            says = _complaint(done.stderr)
            raise TtsdashError(f"`{self.text}` ended with {done.returncode}{says and f' ({says})'}: {self.mend}")

    def _run(self) -> subprocess.CompletedProcess[str]:
        try:
            # It keeps the terminal, on which it may ask for a password.
            return subprocess.run(self.arguments, capture_output=True, text=True, errors="replace", check=False)
        except OSError as error:
            raise TtsdashError(f"`{self.text}` cannot be run ({error.strerror}): {self.mend}") from error


def _complaint(stderr: str) -> str:
    """The first line of it that is not about what went well."""
    lines = (line.strip() for line in stderr.splitlines())
    return next((line for line in lines if line and not line.startswith(("Created symlink", "Removed "))), "")


Step = WriteFile | RemoveFile | Command


@dataclass(frozen=True)
class Plan:
    """Steps, and what leads back from them when one fails."""

    steps: tuple[Step, ...]
    file_back: Step | None = None
    """What undoes the first."""
    back: tuple[Step, ...] = ()
    """What undoes them all."""
    undone: str = ""
    """How it is then."""

    @property
    def commands(self) -> list[str]:
        return [step.text for step in self.steps if isinstance(step, Command)]


def carry_out(plan: Plan, say: Callable[[str], None]) -> None:
    """Do each step and say so. When one fails, those before it are undone. Raises TtsdashError, and OSError for a file."""
    for number, step in enumerate(plan.steps):
        say(str(step))
        try:
            step.do()
        except BaseException as error:
            if not plan.file_back or number == 0:
                raise
            # The first command changes nothing when it fails.
            _go_back((plan.file_back,) if number == 1 else plan.back, say)
            if isinstance(error, TtsdashError):
                raise TtsdashError(f"{error}; {plan.undone}") from error
            raise


def _go_back(steps: tuple[Step, ...], say: Callable[[str], None]) -> None:
    for step in steps:
        say(str(step))
        try:
            step.do()
        except (TtsdashError, OSError) as error:
            say(format_error(error))
