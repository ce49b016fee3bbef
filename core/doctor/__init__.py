"""Checks of the machine, the workspace, the voices and the assistant: each reports a state, why, and a fix. They change nothing."""
