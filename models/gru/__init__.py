"""A recurrent network of GRU layers: its spec with the NumPy reference, and one file for each framework."""
