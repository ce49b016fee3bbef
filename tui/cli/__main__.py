"""`python -P -m tui.cli`: the command line, for a program that calls it without knowing where it is installed."""

from tui.cli import main

main()
