"""Export of the history in several formats, and import of another machine's export."""
