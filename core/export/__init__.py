"""The history, taken along: written in several formats, and read again from another machine's export."""
