"""The command line. `main` is the console script `ttsdash`.

Nothing heavy is imported before `main` handles signals: until then, Ctrl-C prints a traceback.
"""

import sys

from tui.signals import shutdown
from tui.utf8 import read_arguments, run_in_utf8_mode, stream_encoding


def main() -> None:
    """Run a command and exit with its code."""
    run_in_utf8_mode()
    from tui.streams import open_streams

    open_streams(stream_encoding())
    shutdown.install()
    from tui.cli.app import run

    sys.exit(run(read_arguments(sys.argv[1:])))
