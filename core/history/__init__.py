"""The history of benchmark results: filters, lists, comparisons, trends, regressions, pruning."""
