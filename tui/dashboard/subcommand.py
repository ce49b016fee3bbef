"""Commands of ttsdash in a process of their own: the modules, memory and network that they take stay out of the dashboard.

Run as a module it is that process. On standard error it writes JSON, one object a line: what the command reports
meanwhile, and in the end `{"error": "one line"}` if it failed.
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
from core.processes import module_command
from core.workspace import Workspace

_ERROR = "error"


class Subcommand:
    """One command, which can be ended. Run it in a thread."""

    def __init__(self, workspace: Workspace, *arguments: str) -> None:
        self._command = module_command("tui.dashboard.subcommand", *arguments, "--json", "--home", str(workspace.root))
        self._process: subprocess.Popen[str] | None = None
        self._ended = False
        self._lock = threading.Lock()

    def run(self, tell: Callable[[dict[str, Any]], object] | None = None) -> Any:
        """Return its answer, None when it was ended; `tell` takes what it reports meanwhile.

        Raises TtsdashError with the command's error, BadInput where that was the user's.
        """
        # A file takes an answer of any length while what is reported is read.
        with tempfile.TemporaryFile("w+") as answer:
            with self._lock:
                if self._ended:
                    return None
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=answer,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                    start_new_session=True,
                )
            error = ""
            with self._process as process:
                for line in process.stderr or ():
                    report = _read_report(line)
                    if _ERROR in report:
                        error = report[_ERROR]
                    elif report and tell:
                        tell(report)
            if self._ended:
                return None
            if error:
                raise (InvalidInput if process.returncode == InvalidInput.exit_code else TtsdashError)(error)
            answer.seek(0)
            text = answer.read()
            if not text:
                raise TtsdashError(f"it ended with code {process.returncode}: `ttsdash doctor` may tell why")
            return json.loads(text)

    def end(self) -> None:
        """Have it tidy up and end, with all that it has started."""
        with self._lock:
            self._ended = True
            if self._process and self._process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGTERM)


def _read_report(line: str) -> dict[str, Any]:
    """Return what a line reports; nothing for one that some library wrote."""
    with suppress(ValueError):
        report = json.loads(line)
        if isinstance(report, dict):
            return report
    return {}


def main() -> None:
    """Run the command that the arguments name, as `ttsdash` does, and report its error as JSON."""
    from tui.signals import shutdown

    shutdown.listen()
    from tui.cli.app import outcome

    code, error = outcome(sys.argv[1:])
    if error:
        sys.stderr.write(f"{json.dumps({_ERROR: error})}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
