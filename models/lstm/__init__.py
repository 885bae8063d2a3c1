"""A recurrent network of LSTM layers: its spec with the NumPy reference, and one file for each framework."""
