"""The seed of everything that is drawn at random: the same input gives the same result."""

SEED = 20_240_229
