"""The child process: a fork server for each framework, and the jobs in the processes that it forks."""
