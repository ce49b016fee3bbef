"""Errors of the graph code."""


class UnsupportedGraph(Exception):
    """The graph is not built as expected; the message says what is missing or different."""
