"""One adapter for each framework, in the child process: the only files of the harness that import one."""
