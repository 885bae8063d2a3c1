"""Records in formats of other tools, in the parent process; one file for each format."""
