"""The command line. `main` is the console script `ttsdash`.

Nothing heavy is imported before `main` listens for signals: a Ctrl-C until then is a traceback.
"""

import os
import sys

from tui.signals import shutdown


def main() -> None:
    """Run a command, and end with its exit code."""
    _open_missing_streams()
    shutdown.install()
    from tui.cli.app import run

    sys.exit(run(sys.argv[1:]))


def _open_missing_streams() -> None:
    """Let a standard stream that was closed lead nowhere: no file gets its number, and no code has to ask for None."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest number that is free is given: its own.
            nowhere = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nowhere, mode, encoding="utf-8", closefd=False))
