"""The optimizers of each framework that follow the update rules of a recipe."""
