"""Benchmarks: variants timed against their original in one run, in pairs, one process per model."""
