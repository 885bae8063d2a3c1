"""The training losses of each framework that follow the rules of a recipe."""
