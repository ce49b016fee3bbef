"""Which variant of a voice an assistant should load on this machine, and why not another."""
