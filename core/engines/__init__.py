"""What runs a voice: loads it, and makes audio of phoneme ids."""
