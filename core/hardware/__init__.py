"""The hardware of this machine, and what a process uses of it."""
