"""Recipes: how the variants of a voice are made."""
