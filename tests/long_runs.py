"""Whether tests that try every case do so: with TTSDASH_FAULTS=long, which is set by hand. Otherwise they take a sample."""

import os

LONG = os.environ.get("TTSDASH_FAULTS") == "long"
