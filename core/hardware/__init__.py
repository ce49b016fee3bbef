"""What this machine is, and what a process takes of it."""
