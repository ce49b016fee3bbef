"""The Selection tab."""
