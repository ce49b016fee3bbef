"""Summaries of results in words."""
