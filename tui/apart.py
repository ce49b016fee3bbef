"""Commands of ttsdash in a process of their own: the modules, memory and network that they take stay out of the dashboard."""

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any

from core.errors import TtsdashError
from core.workspace import Workspace


class Apart:
    """One command, which can be ended. Run it in a thread."""

    def __init__(self, workspace: Workspace, *arguments: str) -> None:
        home = ("--json", "--home", str(workspace.root))
        self._command = [sys.executable, "-P", "-m", "tui.cli", *arguments, *home]
        self._process: subprocess.Popen[str] | None = None
        self._ended = False
        self._lock = threading.Lock()

    def run(self, tell: Callable[[dict[str, Any]], object] | None = None) -> Any:
        """Its answer; None when it was ended. `tell` takes what it reports meanwhile. Raises TtsdashError with its complaint."""
        # A file takes an answer of any length while what is reported is read.
        with tempfile.TemporaryFile("w+") as answer:
            with self._lock:
                if self._ended:
                    return None
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.DEVNULL, stdout=answer, stderr=subprocess.PIPE, text=True
                )
            complaint = ""
            with self._process as process:
                for line in process.stderr or ():
                    if line.startswith("{") and tell:
                        tell(json.loads(line))
                    else:
                        complaint = line
            if self._ended:
                return None
            if process.returncode:
                said = complaint.strip().removeprefix("ttsdash: ")
                raise TtsdashError(said or f"it ended with code {process.returncode}: `ttsdash doctor` may tell why")
            answer.seek(0)
            return json.load(answer)

    def end(self) -> None:
        """Have it tidy up and end."""
        with self._lock:
            self._ended = True
            if self._process and self._process.poll() is None:
                self._process.terminate()
