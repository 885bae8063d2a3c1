"""The parent process: starts workers, sends them jobs as JSON, stores their results; imports no framework."""
