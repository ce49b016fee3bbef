"""Voice files: reading, downloading, phonemes, sentences."""
