"""Rewrites of a VITS graph that compute the same, faster."""
