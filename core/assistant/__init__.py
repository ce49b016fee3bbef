"""An assistant's YAML configuration: what to set in it, and how to write it so that all else stays."""
