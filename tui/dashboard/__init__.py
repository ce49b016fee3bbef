"""The dashboard: a tab per folder, shared widgets in `common`."""
