"""What public means offer beyond what the guides tell a user to write first, one file for each way."""
