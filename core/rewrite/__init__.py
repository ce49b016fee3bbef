"""Rewriting components of a voice in fewer or faster operators that compute the same."""
