"""The benchmark history: filter, compare, trends, regressions."""
