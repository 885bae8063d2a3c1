"""The parent process: starts workers, hands them jobs as JSON, keeps what they answer; imports no framework."""
