"""Records as tables and charts for people, in the parent process; computes nothing itself, and runs nothing."""
