"""Records in formats of other tools; one file for each format."""
