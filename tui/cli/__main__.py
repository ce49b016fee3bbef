"""`python -P -m tui.cli`: the command line, for programs that do not know where ttsdash is installed."""

from tui.cli import main

main()
