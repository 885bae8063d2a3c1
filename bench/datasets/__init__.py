"""The data sets, one file for each, found by name: the parent process reads `description`, the child `base`."""
