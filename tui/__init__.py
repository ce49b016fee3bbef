"""Everything one meets in the terminal: the command line and the dashboard."""
