"""Compares later data with the data that a model was made from, to see whether their distribution has changed."""
