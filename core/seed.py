"""The seed of all random numbers, so that the same input produces the same result."""

SEED = 20_240_229
