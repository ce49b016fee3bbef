"""Audio formats: from float samples to what a client plays."""
