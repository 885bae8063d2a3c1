"""A plain recurrent network: its spec with the NumPy reference, and one file for each framework."""
