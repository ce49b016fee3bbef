"""Values, results and findings as text, for the command line and the dashboard."""
