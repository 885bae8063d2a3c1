"""One adapter for each framework: the only files of the harness that import one."""
