"""One adapter for each framework, used in the child process; no other files of the harness import a framework."""
