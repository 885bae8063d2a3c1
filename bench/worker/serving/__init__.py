"""Puts a prepared network under load: a generator in a process of its own sends queries, a server predicts them."""
