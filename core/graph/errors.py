"""Errors raised while analysing or rewriting a graph."""


class UnsupportedGraph(Exception):
    """The graph does not have the expected structure; the message names what is missing or different."""
