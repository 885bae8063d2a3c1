"""Computes statistics, verdicts and certificates from records; used by both processes, reads no clock and no file."""
