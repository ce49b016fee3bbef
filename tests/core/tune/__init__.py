"""The search for the number format of each part of a voice."""
