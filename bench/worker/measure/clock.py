"""Reads the time, in nanoseconds; no other module of the worker does."""

from time import perf_counter_ns, process_time_ns

__all__ = ["now_ns", "processor_ns"]

now_ns = perf_counter_ns
"""Wall time: monotonic, with the highest resolution of the system."""

processor_ns = process_time_ns
"""CPU time of all threads of this process, user and system."""
