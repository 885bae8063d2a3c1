"""Reads files that a user brings: CSV files row by row, with every mistake and its line, and arrays of .npz files."""
