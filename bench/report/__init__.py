"""Records as tables and charts for people; computes nothing itself, and runs nothing."""
