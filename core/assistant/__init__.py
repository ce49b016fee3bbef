"""The YAML configuration of a voice assistant: what to set for a selection, and how to write it safely."""
