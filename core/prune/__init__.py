"""Dropping residual blocks of a decoder, and fitting what remains by least squares. NumPy alone, no training."""
