"""The child process: a fork server for each framework, and the jobs that run in the processes it forks."""
