"""What became of the sound: the figures, and the one grade that comes out of them."""
