"""A Transformer encoder: its spec with the NumPy reference, and one file for each framework."""
