"""Recipes, the files of variants, and their checksums."""
