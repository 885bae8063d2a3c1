"""Defines, writes and reads stored records, and computes metrics from their raw samples; used by both processes."""
