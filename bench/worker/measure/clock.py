"""The only place where time is read. Everything is in nanoseconds."""

from time import perf_counter_ns, process_time_ns

__all__ = ["now_ns", "processor_ns"]

now_ns = perf_counter_ns
"""Wall time: monotonic, of the highest resolution there is."""

processor_ns = process_time_ns
"""CPU time of all threads of this process, user and system."""
