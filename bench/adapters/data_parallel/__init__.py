"""Training on several devices as one, by each framework's own public way: one file for each way."""
