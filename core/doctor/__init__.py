"""The usual guide's troubleshooting as checks that answer: each says how it is, why, and what mends it. They change nothing."""
