"""The tests of `core`: no screen, no queue."""
