"""Commands of ttsdash in a subprocess, which keeps their modules, memory and network access out of the dashboard.

Run as a module, this is the subprocess. It writes JSON to standard error, one object a line: the progress of the
command, and `{"error": "one line"}` at the end if it failed.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from core.errors import InvalidInput, TtsdashError
from core.processes import child_environment, module_command
from core.workspace import Workspace

_ERROR = "error"


class Subcommand:
    """A command that can be terminated. Run it in a thread."""

    def __init__(self, workspace: Workspace, *arguments: str) -> None:
        self._command = module_command("tui.dashboard.subcommand", *arguments, "--json", "--home", str(workspace.root))
        self._process: subprocess.Popen[str] | None = None
        self._terminated = False
        self._lock = threading.Lock()

    def run(self, on_progress: Callable[[dict[str, Any]], object] | None = None) -> Any:
        """Run the command and return its JSON output, or None if it was terminated.

        Raises TtsdashError with the command's error, InvalidInput if the user can fix it.
        """
        # Standard output goes to a file, so that it cannot block the command while this reads its progress.
        with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
            with self._lock:
                if self._terminated:
                    return None
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.PIPE,
                    encoding="utf-8",
                    errors="replace",
                    env=child_environment(),
                    start_new_session=True,
                )
            error = ""
            with self._process as process:
                for line in process.stderr or ():
                    report = _read_report(line)
                    if _ERROR in report:
                        error = report[_ERROR]
                    elif report and on_progress:
                        on_progress(report)
            if self._terminated:
                return None
            if error:
                raise (InvalidInput if process.returncode == InvalidInput.exit_code else TtsdashError)(error)
            output.seek(0)
            text = output.read()
            if not text:
                raise TtsdashError(f"exited with code {process.returncode} (look for the cause with: ttsdash doctor)")
            return json.loads(text)

    def terminate(self) -> None:
        """Send SIGTERM to the command and everything that it has started."""
        with self._lock:
            self._terminated = True
            if self._process and self._process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGTERM)


def _read_report(line: str) -> dict[str, Any]:
    """Return the object on a line, or an empty one for text that a library wrote."""
    with suppress(ValueError):
        report = json.loads(line)
        if isinstance(report, dict):
            return report
    return {}


def main() -> None:
    """Run `ttsdash` with the arguments of this process, and report its error as JSON."""
    from tui.signals import shutdown

    shutdown.install()
    from tui.cli.app import outcome

    code, error = outcome(sys.argv[1:])
    if error:
        sys.stderr.write(f"{json.dumps({_ERROR: error})}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
