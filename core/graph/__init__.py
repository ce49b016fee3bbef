"""VITS graphs: reading them, indexing them, finding their parts."""
