"""Training loops of mode `tuned`, which use public features beyond the framework's default."""
