"""The queue: what wakes the worker, the worker itself, and the child process that runs one job."""
