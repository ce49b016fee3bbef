"""How a variant sounds compared with its original: metrics, and one grade derived from them."""
