"""The command line. `main` is the console script `ttsdash`.

Nothing heavy is imported before `main` handles signals: until then, Ctrl-C prints a traceback.
"""

import os
import sys

from tui.signals import shutdown


def main() -> None:
    """Run a command and exit with its code."""
    _open_missing_streams()
    shutdown.install()
    from tui.cli.app import run

    sys.exit(run(sys.argv[1:]))


def _open_missing_streams() -> None:
    """Open closed standard streams on /dev/null, so that no file gets their numbers and none of them is None."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # open() returns the lowest free number, which is the stream's own.
            nowhere = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nowhere, mode, encoding="utf-8", closefd=False))
