"""Voice files: reading and checking, downloading, phonemes, sentences."""
